"""The pages in Chromium: accessible by axe-core's rules, without sideways scrolling, in both themes, on desk and phone."""

import os
import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flows.models import Delivery
from tests.pages import scene as scenes

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
ADMIN_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}

pytestmark = [
    pytest.mark.skipif(
        not os.path.exists(CHROMIUM) and os.environ.get("CI", "").lower() not in {"1", "true"},  # noqa: PTH110
        reason="Chromium is not installed (apt-get install chromium).",
    ),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, in which Django would refuse to use the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def scene(browser, transactional_db):
    return scenes.build()


@pytest.fixture
def opened(browser, live_server, scene):
    """Opens a page as one of the scene's people; its errors fail the test."""
    contexts, errors = [], []

    def opened(person: str | None, path: str, scheme: str = "light", width: int = 1440) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        if person:
            client = Client()
            client.force_login(scene.users[person])
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if refused(line.text, path) else None)
        page.goto(live_server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def refused(line: str, path: str) -> bool:
    """Whether the browser's console tells of something that the policy forbids.

    The stock admin's select boxes set inline styles, which are refused without harm; scripts never are.
    """
    return "Content Security Policy" in line and not (path.startswith("/admin/") and "inline style" in line)


def addresses(scene) -> list[tuple[str | None, str]]:
    run = {state: found.pk for state, found in scene.runs.items()}
    return [
        (None, "/login/"),
        ("viewer", "/history/"),
        ("viewer", "/history/?status=failed"),
        ("viewer", "/history/?until=2020-01-01"),
        ("nobody", "/history/"),
        *(("viewer", f"/runs/{run[state]}/") for state in ("delayed", "sending", "failed", "purged")),
        ("viewer", f"/runs/{run['purged']}/download/"),
        ("viewer", "/flows/"),
        ("manager", "/flows/"),
        ("manager", "/ask/"),
        ("viewer", f"/flows/{scene.clicks.pk}/columns/"),
        ("viewer", "/kinds/"),
        ("viewer", "/kinds/subscription_update/"),
        ("viewer", "/password/"),
        ("viewer", "/nowhere/"),
        ("viewer", "/ask/"),
    ]


def admin_addresses(scene) -> list[str]:
    return [
        "/admin/",
        "/admin/flows/flow/",
        f"/admin/flows/flow/{scene.clicks.pk}/change/",
        f"/admin/flows/flow/{scene.clicks.pk}/range/",
        "/admin/flows/run/",
        f"/admin/flows/run/{scene.runs['failed'].pk}/change/",
        "/admin/flows/delivery/",
        "/admin/flows/flowrequest/",
        "/admin/transfers/server/",
        f"/admin/transfers/server/{scene.server.pk}/change/",
        f"/admin/transfers/location/{scene.location.pk}/change/",
        f"/admin/accounts/account/{scene.acme.pk}/change/",
    ]


def faults(page: Page, where: str, options: dict[str, object], context: str | None = None) -> list[str]:
    """What axe-core objects to on the page, or on the parts of it that `context` selects."""
    violations = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{where}: {fault['id']} {fault['nodes'][0]['html'][:160]}" for fault in violations]


def too_wide(page: Page, where: str) -> list[str]:
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{where}: {sideways} pixels wider than the window"] if sideways > 0 else []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(opened, scene, scheme):
    found = []
    for person, path in addresses(scene):
        page = opened(person, path, scheme, 360)
        assert page.locator("html").get_attribute("data-bs-theme") == scheme
        found += too_wide(page, path)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            found += faults(page, f"{path} {width}", RULES) + too_wide(page, f"{path} {width}")
        page.close()
    assert not found, "\n".join(found)


def test_the_theme_follows_the_system(opened, scene):
    page = opened("viewer", "/history/", "light")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_admin_s_own_parts_are_accessible(opened, scene, scheme):
    """The stock admin is Django's; what the portal puts into it is ours."""
    found = []
    for path in admin_addresses(scene):
        page = opened("support", path, scheme)
        for part in (".buttons", ".health", ".between", ".chip", ".sentence-cell"):
            if page.locator(part).count():
                axe = Axe().run(page, context=part, options=ADMIN_RULES)
                found += [
                    f"{path} {part}: {fault['id']} {fault['nodes'][0]['html'][:160]}" for fault in axe.response["violations"]
                ]
        page.close()
    assert not found, "\n".join(found)


def test_logging_in_filtering_and_opening_a_run_by_keyboard(opened, scene):
    page = opened(None, "/history/")
    page.keyboard.type("viewer")
    page.keyboard.press("Tab")
    page.keyboard.type(scenes.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.get_by_label("Kind").select_option("email_click")
    page.wait_for_url("**/history/*kind=email_click*")
    expect(page.get_by_text("6 runs")).to_be_visible()
    link = page.get_by_role("row").nth(1).get_by_role("link").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Clicks in e-mails")).to_be_visible()


def test_the_download_button_gives_the_file(opened, scene, tmp_path):
    page = opened("viewer", f"/runs/{scene.runs['delivered'].pk}/")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    started.value.save_as(tmp_path / "file.zip")
    assert started.value.suggested_filename == "email_click_customers_20261122.zip"
    assert (tmp_path / "file.zip").read_bytes() == scenes.ARCHIVE


def test_a_run_s_page_follows_its_delivery(opened, scene):
    run = scene.runs["sending"]
    page = opened("viewer", f"/runs/{run.pk}/")
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "64")
    Delivery.objects.filter(run=run).update(bytes_sent=40_000_000)
    expect(bar).to_have_attribute("value", "83", timeout=10_000)
    Delivery.objects.filter(run=run).update(status="delivered", delivered_at=scenes.NOW, bytes_sent=48_000_000)
    expect(page.get_by_text("The file is on every server it goes to.")).to_be_visible(timeout=10_000)
    expect(bar).to_have_count(0)


def test_a_button_of_the_admin_works(opened, scene):
    page = opened("support", f"/admin/flows/run/{scene.runs['failed'].pk}/change/")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("waits for a worker again.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)

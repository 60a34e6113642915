"""Who gets what, from the outside: every address as every sort of person."""

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

PEOPLE = (None, "nobody", "foreigner", "viewer", "manager", "staff", "support")
LOG_IN, HOME = 302, 302
# Address, then the status for each of PEOPLE. The run, the flow and the archive belong to the account of viewer and manager.
EXPECTED = {
    "home": ("/", (LOG_IN, HOME, HOME, HOME, HOME, HOME, HOME)),
    "login": ("/login/", (200, HOME, HOME, HOME, HOME, HOME, HOME)),
    "logout": ("/logout/", (LOG_IN, 405, 405, 405, 405, 405, 405)),
    "password": ("/password/", (LOG_IN, 200, 200, 200, 200, 200, 200)),
    # Staff without a membership land in the admin.
    "history": ("/history/", (LOG_IN, 200, 200, 200, 200, 302, 302)),
    "run": ("/runs/{run}/", (LOG_IN, 404, 404, 200, 200, 404, 404)),
    "progress": ("/runs/{run}/progress/", (LOG_IN, 404, 404, 200, 200, 404, 404)),
    "download": ("/runs/{run}/download/", (LOG_IN, 404, 404, 200, 200, 404, 404)),
    "flows": ("/flows/", (LOG_IN, 200, 200, 200, 200, 200, 200)),
    "columns_of_flow": ("/flows/{flow}/columns/", (LOG_IN, 404, 404, 200, 200, 404, 404)),
    "ask": ("/ask/", (LOG_IN, 403, 200, 403, 200, 403, 403)),
    "kinds": ("/kinds/", (LOG_IN, 200, 200, 200, 200, 200, 200)),
    "columns_of_kind": ("/kinds/email_click/", (LOG_IN, 200, 200, 200, 200, 200, 200)),
    "healthz": ("/healthz", (200, 200, 200, 200, 200, 200, 200)),
    "readyz": ("/readyz", (200, 200, 200, 200, 200, 200, 200)),
}
# Pages of the admin that any staff may see, since they show nothing of an account.
OPEN_TO_STAFF = {"index", "logout", "password_change", "password_change_done", "jsi18n"}


def patterns(resolver: URLResolver, route: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in resolver.url_patterns:
        whole = route + str(entry.pattern)
        found += patterns(entry, whole) if isinstance(entry, URLResolver) else [(whole, entry)]
    return found


def all_patterns(admin: bool) -> list[tuple[str, URLPattern]]:
    return [(route, entry) for route, entry in patterns(get_resolver()) if route.startswith("admin/") == admin]


def test_every_page_is_listed():
    assert {entry.name for _, entry in all_patterns(admin=False)} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_pages(scene, as_, name):
    address, expected = EXPECTED[name]
    path = address.format(run=scene.runs["delayed"].pk, flow=scene.clicks.pk)
    answers = {person: as_(person).get(path) for person in PEOPLE}
    assert {person: answer.status_code for person, answer in answers.items()} == dict(zip(PEOPLE, expected, strict=True))
    if expected[0] == LOG_IN:
        assert answers[None]["Location"] == f"/login/?next={path}"


def test_staff_land_in_the_admin(as_):
    assert as_("staff").get("/history/")["Location"] == "/admin/"


def filled(scene, route: str) -> str:
    """An address of the admin with something in each of its places; of our own models, with what is there."""
    items = {
        "flows/flow": scene.clicks,
        "flows/run": scene.runs["delayed"],
        "flows/delivery": scene.runs["delayed"].deliveries.first(),
        "transfers/server": scene.server,
        "transfers/location": scene.location,
        "accounts/account": scene.acme,
        "accounts/profiletable": scene.customers,
    }
    item = items.get("/".join(route.split("/")[1:3]))
    route = re.sub(r"<(\w+:)?\w+>", str(item.pk) if item else "1", route)
    return "/" + re.sub(r"\(\?P<\w+>[^)]*\)\$?", "accounts/", route).replace("^", "").replace("$", "")


def test_the_admin_is_closed_to_all_but_staff(scene, as_):
    clients = {person: as_(person) for person in PEOPLE[:5]}
    for route, entry in all_patterns(admin=True):
        if entry.name in {"login", "logout"}:
            continue
        for person, client in clients.items():
            for answer in (client.get(filled(scene, route)), client.post(filled(scene, route))):
                assert answer.status_code == 302, (person, route)
                assert "/login/?next=/admin/" in answer["Location"], (person, route)


def test_staff_without_permissions_see_nothing_of_an_account(scene, as_):
    client = as_("staff")
    for route, entry in all_patterns(admin=True):
        if entry.name in OPEN_TO_STAFF | {"login", "view_on_site", None} or route.endswith("(?P<url>.*)$"):
            continue
        answer = client.get(filled(scene, route))
        if entry.name.endswith("_press"):
            assert answer.status_code == 405, route
            answer = client.post(filled(scene, route))
        # Without the right to it a page is forbidden, or says no more than that there is nothing.
        assert answer.status_code in {403, 404} or (answer.status_code, answer["Location"]) == (302, "/admin/"), route

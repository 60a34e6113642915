"""Logging in and out, the change of a password, the lock after guessing, and pages for what goes wrong."""

import pytest
from django.test import Client

from tests.pages.scene import PASSWORD
from tests.pages.test_history import words


def test_a_member_logs_in_and_lands_in_the_history(scene):
    client = Client()
    answer = client.post("/login/", {"username": "viewer", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/history/")
    assert client.get("/history/").status_code == 200
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/history/").status_code == 302


def test_a_log_in_never_leads_to_another_site(scene):
    answer = Client().post("/login/", {"username": "viewer", "password": PASSWORD, "next": "https://example.test/"})
    assert answer["Location"] == "/history/"


def test_ten_wrong_passwords_lock_the_person_out(scene):
    client = Client()
    for _ in range(9):
        answer = client.post("/login/", {"username": "viewer", "password": "wrong"})
        assert answer.status_code == 200
    assert "Please enter a correct username and password." in words(answer)
    answer = client.post("/login/", {"username": "viewer", "password": "wrong"})
    assert answer.status_code == 429
    assert "Too many wrong passwords" in words(answer)
    assert client.post("/login/", {"username": "viewer", "password": PASSWORD}).status_code == 429
    assert client.post("/login/", {"username": "manager", "password": PASSWORD}).status_code == 302


def test_a_password_is_changed(scene, as_):
    client, new = as_("viewer"), "another calm day 8"
    asked = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert "too short" in words(client.post("/password/", {**asked, "new_password1": "short", "new_password2": "short"}))
    answer = client.post("/password/", asked, follow=True)
    assert answer.redirect_chain == [("/history/", 302)]
    assert "Your password is changed." in words(answer)
    assert Client().post("/login/", {"username": "viewer", "password": new})["Location"] == "/history/"


def test_an_unknown_address_is_a_friendly_404(scene, as_):
    answer = as_("viewer").get("/nowhere/")
    assert answer.status_code == 404
    assert "There is no such page" in words(answer)


def test_a_form_without_its_token_is_a_friendly_403(scene):
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "viewer", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This form is out of date" in words(answer)


def test_a_bug_is_a_friendly_500_without_a_trace(scene, as_, settings):
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": {"context_processors": ["nowhere.at_all"]}}]
    client = as_("viewer")
    client.raise_request_exception = False
    answer = client.get("/history/")
    assert answer.status_code == 500
    assert "Something went wrong here" in words(answer)
    assert "Traceback" not in words(answer)


@pytest.mark.parametrize("path", ["/login/", "/history/", "/flows/", "/admin/"])
def test_nothing_inline_and_nothing_from_elsewhere(scene, as_, path):
    answer = as_("support" if path == "/admin/" else "viewer" if path != "/login/" else None).get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    page = answer.content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")

"""Servers and locations in the admin: secrets that go in and never come out, host keys, key pairs, the connection test."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.contrib.admin.models import LogEntry

from flows.models import Delivery
from tests.admin.test_flows import DELIVER, notes, press
from tests.pages import scene as scenes
from tests.pages.test_history import words
from tests.transfers.test_openpgp import gpg, make_key
from transfers import hostkeys, keys, openpgp
from transfers.models import Location, Server

__all__ = ["gpg", "press"]
NEW = "n3w-p4ss-also-hidden-77"


def host_key() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode("ascii")


def server_form(scene, **values: object) -> dict[str, object]:
    server = scene.server
    plain = {
        "account": scene.acme.pk,
        "name": server.name,
        "protocol": server.protocol,
        "host": server.host,
        "username": server.username,
        "max_connections": 2,
        "encoding": "utf-8",
        "can_rename": "on",
        "can_stat": "on",
        "locations-TOTAL_FORMS": 0,
        "locations-INITIAL_FORMS": 0,
    }
    return {**plain, **values}


@pytest.fixture
def save(scene, as_, django_capture_on_commit_callbacks):
    def save(**values):
        with django_capture_on_commit_callbacks(execute=True):
            answer = as_("support").post(f"/admin/transfers/server/{scene.server.pk}/change/", server_form(scene, **values))
        scene.server.refresh_from_db()
        return answer

    return save


def test_an_empty_secret_keeps_what_is_stored(scene, save):
    assert save(host="sftp2.acme.test").status_code == 302
    assert (scene.server.host, scene.server.password.reveal()) == ("sftp2.acme.test", scenes.SECRET)


def test_a_new_secret_replaces_and_a_tick_removes(scene, save):
    save(new_password=f" {NEW} ")
    assert scene.server.password.reveal() == f" {NEW} "
    save(clear_password="on")
    assert scene.server.password.reveal() == ""


def test_a_private_key_shows_its_public_half_only(scene, save, as_):
    private, public = keys.make_key_pair()
    assert save(new_private_key=private).status_code == 302
    assert (scene.server.private_key.reveal().strip(), scene.server.public_key) == (private.strip(), public)
    page = as_("support").get(f"/admin/transfers/server/{scene.server.pk}/change/").content.decode()
    assert public in page
    assert "PRIVATE KEY" not in page
    save(clear_private_key="on")
    assert (scene.server.private_key.reveal(), scene.server.public_key) == ("", "")


def test_a_key_that_cannot_be_used_is_refused_and_not_shown_again(scene, save):
    answer = save(new_private_key="-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWtleS10ZXh0\n", new_password=NEW)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "The private key is damaged. Enter the whole text again" in text
    assert "c2VjcmV0LWtleS10ZXh0" not in text
    assert NEW not in text
    assert scene.server.password.reveal() == scenes.SECRET
    assert not scene.server.private_key


def test_wrong_host_keys_and_certificates_are_refused(scene, save):
    assert "A host key line must look like" in words(save(host_keys="nonsense"))
    assert "This is no certificate in PEM format." in words(save(ca_certificate="nonsense"))
    assert (scene.server.host_keys, scene.server.ca_certificate) == ("", "")


def test_no_secret_in_any_page_or_log_entry(scene, save, as_):
    private, _ = keys.make_key_pair()
    save(new_password=NEW, new_private_key=private, new_passphrase="also-hidden-51")
    client = as_("support")
    hidden = (
        NEW,
        scenes.SECRET,
        "also-hidden-51",
        private.splitlines()[1],
        scene.server.password.token,
        scene.server.private_key.token,
    )
    pages = [
        "/admin/",
        "/admin/transfers/server/",
        f"/admin/transfers/server/{scene.server.pk}/change/",
        f"/admin/transfers/server/{scene.server.pk}/history/",
        f"/admin/transfers/server/{scene.server.pk}/delete/",
        f"/admin/transfers/location/{scene.location.pk}/change/",
        f"/admin/flows/flow/{scene.clicks.pk}/change/",
    ]
    texts = {path: client.get(path).content.decode() for path in pages}
    texts["history"] = as_("viewer").get("/flows/").content.decode()
    for path, text in texts.items():
        assert all(secret not in text for secret in hidden), path
    messages = " ".join(LogEntry.objects.values_list("change_message", flat=True)) + " ".join(
        LogEntry.objects.values_list("object_repr", flat=True)
    )
    assert "Password" in messages
    assert all(secret not in messages for secret in hidden)


def test_make_key_pair(scene, press):
    answer = press("transfers/server", scene.server, "make_key_pair")
    scene.server.refresh_from_db()
    private, public = scene.server.private_key.reveal(), scene.server.public_key
    assert keys.public_line(private) == public
    assert f"Give this public key to the server's people: {public}" in words(answer)
    assert "PRIVATE KEY" not in answer.content.decode()
    assert notes(scene.server) == ["Key pair made."]
    # A key that is in use is not replaced by a slip of the mouse.
    assert "this is not possible any more" in words(press("transfers/server", scene.server, "make_key_pair"))
    scene.server.refresh_from_db()
    assert scene.server.private_key.reveal() == private


def test_a_changed_host_key_is_compared_then_confirmed_and_lets_deliveries_go(scene, press, queue):
    old, new = host_key(), host_key()
    Server.objects.filter(pk=scene.server.pk).update(host_keys=old, seen_host_key=new)
    page = press("transfers/server", scene.server, "confirm_seen")
    assert hostkeys.fingerprint(old) in words(page)
    assert hostkeys.fingerprint(new) in words(page)
    scene.server.refresh_from_db()
    assert (scene.server.host_keys, scene.server.seen_host_key) == (old, new)
    answer = press("transfers/server", scene.server, "confirm_seen", fingerprint=hostkeys.fingerprint(new))
    scene.server.refresh_from_db()
    assert (scene.server.host_keys, scene.server.seen_host_key) == (new, "")
    assert "The host key is confirmed. 1 delivery released; they go out in order." in words(answer)
    assert Delivery.objects.get(run=scene.runs["held"]).status == "waiting"
    assert queue() == [(DELIVER, [scene.server.pk])]
    assert notes(scene.server) == ["Changed host key confirmed."]


def test_a_key_that_changed_meanwhile_is_not_confirmed(scene, press):
    shown, other = host_key(), host_key()
    Server.objects.filter(pk=scene.server.pk).update(seen_host_key=other)
    page = press("transfers/server", scene.server, "confirm_seen", fingerprint=hostkeys.fingerprint(shown))
    assert hostkeys.fingerprint(other) in words(page)
    scene.server.refresh_from_db()
    assert (scene.server.host_keys, scene.server.seen_host_key) == ("", other)


def test_a_forged_confirmation_pins_nothing(scene, press):
    answer = press("transfers/server", scene.server, "pin_host_key", token="forged")
    assert "The host keys were fetched too long ago. Fetch them again, then confirm them." in words(answer)
    scene.server.refresh_from_db()
    assert scene.server.host_keys == ""


def test_a_server_out_of_reach_is_a_sentence(scene, press):
    Server.objects.filter(pk=scene.server.pk).update(host="127.0.0.1", port=1)
    answer = press("transfers/server", scene.server, "fetch_host_key")
    assert answer.redirect_chain == [(f"/admin/transfers/server/{scene.server.pk}/change/", 302)]
    assert "127.0.0.1" in words(answer)
    assert "Traceback" not in words(answer)


def test_the_connection_test_shows_each_step(scene, press):
    Server.objects.filter(pk=scene.server.pk).update(host="127.0.0.1", port=1)
    answer = press("transfers/location", scene.location, "test_connection")
    steps = {step.name: step.outcome for step in answer.context["steps"]}
    assert steps["Resolve"] == "passed"
    assert "failed" in steps.values()
    assert "Files cannot be delivered to this location yet." in words(answer)
    assert scenes.SECRET not in words(answer)


def test_editing_a_server_lets_its_held_deliveries_go(scene, save, queue):
    save(host_keys=host_key())
    assert Delivery.objects.get(run=scene.runs["held"]).status == "waiting"
    assert queue() == [(DELIVER, [scene.server.pk])]


def test_saving_without_a_change_releases_nothing(scene, save, queue):
    save()
    assert Delivery.objects.get(run=scene.runs["held"]).status == "held"
    assert queue() == []


def test_a_location_entered_beside_its_server_has_its_account(scene, save):
    extra = {"locations-0-name": "extra", "locations-0-folder": "/extra", "locations-TOTAL_FORMS": 1}
    assert save(**extra).status_code == 302
    assert Location.objects.get(name="extra").account == scene.acme


def location_form(scene, **values: object) -> dict[str, object]:
    plain = {"account": scene.acme.pk, "name": "daily", "server": scene.server.pk, "folder": "/in/daily"}
    return {**plain, **values}


def test_a_passed_connection_test_is_shown_until_the_settings_change(scene, press, save, as_, sshd):
    _, folder = sshd.new_folder()
    Server.objects.filter(pk=scene.server.pk).update(**sshd.fields())
    Location.objects.filter(pk=scene.location.pk).update(folder=folder, accepted_untested=False)
    page = f"/admin/transfers/location/{scene.location.pk}/change/"
    assert "Not passed yet" in words(as_("support").get(page))
    assert "Files can be delivered to this location." in words(press("transfers/location", scene.location, "test_connection"))
    scene.location.refresh_from_db()
    assert scene.location.probed_at == scenes.NOW
    assert "Passed on 2026-11-23 09:30 UTC" in words(as_("support").get(page))
    # Confirming a host key means another identity: to be tested again.
    Server.objects.filter(pk=scene.server.pk).update(seen_host_key=(new := host_key()))
    press("transfers/server", scene.server, "confirm_seen", fingerprint=hostkeys.fingerprint(new))
    scene.location.refresh_from_db()
    assert scene.location.probed_at is None


def test_a_location_is_accepted_without_a_test(scene, as_):
    page = f"/admin/transfers/location/{scene.location.pk}/change/"
    assert as_("support").post(page, location_form(scene)).status_code == 302
    scene.location.refresh_from_db()
    assert (scene.location.accepted_untested, scene.location.trusted) == (False, False)
    assert as_("support").post(page, location_form(scene, accepted_untested="on")).status_code == 302
    scene.location.refresh_from_db()
    assert (scene.location.accepted_untested, scene.location.trusted) == (True, True)
    assert "Not passed, accepted" in words(as_("support").get(page))


def test_the_recipients_of_a_location_are_shown(scene, as_, gpg):
    page = f"/admin/transfers/location/{scene.location.pk}/change/"
    assert "None. Files are not encrypted." in words(as_("support").get(page))
    text = make_key(gpg, "Zoë Client <zoe@acme.test>") + make_key(gpg, "Second <second@acme.test>", expires="0")
    assert as_("support").post(page, location_form(scene, pgp_keys=text)).status_code == 302
    first, second = openpgp.check(text)
    shown = words(as_("support").get(page))
    groups = [" ".join(key.fingerprint[start : start + 4] for start in range(0, 40, 4)) for key in (first, second)]
    assert f"Zoë Client <zoe@acme.test> {groups[0]} , expires on {first.expires:%Y-%m-%d}" in shown
    assert f"Second <second@acme.test> {groups[1]} , does not expire" in shown
    Location.objects.filter(pk=scene.location.pk).update(pgp_keys="damaged since")
    assert "Not usable No OpenPGP public key was found." in words(as_("support").get(page))

"""What a passed connection test is worth: noted for exactly the settings it tried, and gone when one of them changes."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from transfers.models import Location, Server
from transfers.probe import probe
from transfers.secrets import Secret


@pytest.fixture
def place(sshd, row, location):
    _, remote = sshd.new_folder()
    return location(row(sshd), remote)


def noted(place):
    return Location.objects.get(pk=place.pk).probed_at is not None


def test_a_passed_test_is_noted(place, capsys):
    assert (place.probed_at, place.accepted_untested, place.trusted) == (None, False, False)
    before = timezone.now()
    call_command("probe", str(place))
    place.refresh_from_db()
    assert before <= place.probed_at <= timezone.now()
    assert place.trusted is True


def test_a_failed_test_and_one_left_in_the_middle_are_not(place):
    steps = probe(place)
    assert next(steps).outcome == "passed"
    steps.close()
    assert not noted(place)
    Location.objects.filter(pk=place.pk).update(folder="no/such")
    with pytest.raises(CommandError):
        call_command("probe", str(place))
    assert not noted(place)


def test_settings_that_change_during_the_test_leave_it_unnoted(place):
    steps = probe(place)
    next(steps)
    Server.objects.filter(pk=place.server_id).update(username="another")
    assert [step.outcome for step in steps].count("failed") == 0
    assert not noted(place)
    Server.objects.filter(pk=place.server_id).update(username=place.server.username)
    assert place.note_probe() is True
    Location.objects.filter(pk=place.pk).delete()
    assert place.note_probe() is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "elsewhere.test"),
        ("port", 2222),
        ("username", "another"),
        ("password", Secret.of("another")),
        ("host_keys", ""),
        ("can_rename", False),
        ("encoding", "latin-1"),
    ],
)
def test_a_server_that_changes_must_be_tested_anew(place, field, value):
    assert place.note_probe() is True
    server = Server.objects.get(pk=place.server_id)
    setattr(server, field, value)
    server.save(update_fields=[field])
    assert not noted(place)


def test_a_location_that_changes_must_be_tested_anew(place, sshd, row):
    assert place.note_probe() is True
    place.folder += "/deeper"
    place.save()
    assert (place.probed_at, noted(place)) == (None, False)
    assert place.note_probe() is True
    place.server = row(sshd)
    place.save(update_fields=["server"])
    assert not noted(place)


def test_what_the_test_does_not_try_may_change(place):
    stale = Location.objects.get(pk=place.pk)
    assert place.note_probe() is True
    server = Server.objects.get(pk=place.server_id)
    server.max_connections, server.hosted = 7, True
    server.save()
    # A copy read before the test does not take its outcome away.
    stale.manifest = True
    stale.save()
    assert noted(place)
    assert Location.objects.get(pk=place.pk).manifest is True


def test_portal_only_and_accepted_locations_need_none(account, row, sshd):
    portal = Server.objects.create(account=account, name="portal", protocol="portal")
    assert Location(account=account, name="portal", server=portal).trusted is True
    assert Location(account=account, name="anyway", server=row(sshd), accepted_untested=True).trusted is True

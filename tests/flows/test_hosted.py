"""Files on servers of our own: seen when they are taken, announced before they go, and deleted with nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User

from accounts.models import Member
from flows import delivery, hosted, reruns, retention, tasks
from flows.models import Delivery
from tests.flows.conftest import load_clicks, run_now
from transfers.models import Location, Server

MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick(settings):
    settings.TRANSFER_TIMEOUT = 3
    settings.RETENTION_DAYS = 5


@pytest.fixture
def location(flow, sshd):
    """A location on a hosted server; `path` is its folder on this machine."""
    server = Server.objects.create(account=flow.account, name="ours", hosted=True, **sshd.fields())
    path, folder = sshd.new_folder()
    location = Location.objects.create(account=flow.account, name="daily", server=server, folder=folder, checksum=True)
    location.path = path
    flow.locations.add(location)
    return location


@pytest.fixture
def people(flow):
    for name, role, email, active in [
        ("mia", Member.Role.MANAGER, "mia@acme.test", True),
        ("max", Member.Role.MANAGER, "max@acme.test", True),
        ("silent", Member.Role.MANAGER, "", True),
        ("gone", Member.Role.MANAGER, "gone@acme.test", False),
        ("vera", Member.Role.VIEWER, "vera@acme.test", True),
    ]:
        user = User.objects.create(username=name, email=email, is_active=active)
        Member.objects.create(account=flow.account, user=user, role=role)


@pytest.fixture
def sent(flow, table, location):
    """Makes and delivers a file at a moment; gives the delivery."""

    def send(moment=MORNING):
        with time_machine.travel(moment, tick=False):
            run = run_now(flow)
            assert delivery.deliver_waiting(location.server_id) == 1
            return run.deliveries.get()

    load_clicks(table, 1)
    return send


def archive_of(location, made):
    return location.path / made.run.file_name


def at(moment, action):
    with time_machine.travel(moment, tick=False):
        return action()


def test_a_file_that_is_gone_early_is_collected(location, sent):
    first, second = sent(), sent(MORNING + timedelta(minutes=1))
    assert hosted.look() == 0
    archive_of(location, first).unlink()
    noon = MORNING + timedelta(hours=2)
    assert at(noon, hosted.look) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.collected_at, second.collected_at) == (noon, None)
    assert hosted.look() == 0


def test_a_folder_or_server_that_is_away_collects_nothing(location, sent):
    made = sent()
    away = location.path.rename(location.path.with_name("away"))
    assert hosted.look() == 0
    away.rename(location.path)
    archive_of(location, made).unlink()
    Server.objects.update(port=1)
    assert hosted.look() == 0
    made.refresh_from_db()
    assert made.collected_at is None


@pytest.mark.parametrize("name", ["vsftpd", "pyftpdlib_server"])
def test_files_on_ftps_servers_are_seen_as_well(name, request, flow, location, sent):
    running = request.getfixturevalue(name)
    server = Server.objects.create(account=flow.account, name="ftps", hosted=True, **running.fields())
    path, folder = running.new_folder()
    Location.objects.update(server=server, folder=folder)
    location.server = server
    first, second = sent(), sent()
    away = path.rename(path.with_name(f"{path.name}-away"))
    (away / first.run.file_name).unlink()
    assert hosted.look() == 0
    away.rename(path)
    assert hosted.look() == 1
    assert list(Delivery.objects.filter(collected_at=None)) == [second]


@pytest.mark.parametrize("change", [{"hosted": False}, {"can_stat": False}])
def test_other_servers_are_not_looked_at(location, sent, change):
    archive_of(location, sent()).unlink()
    Server.objects.update(**change)
    assert hosted.look() == 0


def test_an_unverified_file_is_never_counted_as_collected(location, sent):
    archive_of(location, sent()).unlink()
    Delivery.objects.update(size_verified=False)
    assert hosted.look() == 0


def test_managers_are_told_a_day_before_once_and_in_one_mail(location, sent, people, mailoutbox):
    first = sent()
    second = sent(MORNING + timedelta(hours=20))
    third = sent(MORNING + timedelta(hours=25))
    assert at(MORNING + timedelta(days=4, seconds=-1), hosted.warn) == 0
    told = MORNING + timedelta(days=4)
    assert at(told, hosted.warn) == 2
    (mail,) = mailoutbox
    assert mail.to == ["max@acme.test", "mia@acme.test"]
    assert mail.subject == "Acme: 2 files to collect"
    # Brussels is an hour ahead; five days after each delivery.
    assert mail.body.splitlines()[2:] == [
        f"2026-11-28 10:30  {first.remote_names[0]}  on 127.0.0.1",
        f"2026-11-29 06:30  {second.remote_names[0]}  on 127.0.0.1",
    ]
    assert "deleted at the moment before each (Europe/Brussels)" in mail.body
    assert at(told + timedelta(hours=23), hosted.warn) == 0
    assert at(told + timedelta(hours=25), hosted.warn) == 1
    assert len(mailoutbox) == 2
    for made in (first, second, third):
        made.refresh_from_db()
    assert (first.warned_at, second.warned_at, third.warned_at) == (told, told, told + timedelta(hours=25))


def test_a_collected_file_needs_no_warning_and_is_deleted_with_its_companions(location, sent, people, mailoutbox):
    first, second = sent(), sent()
    archive_of(location, first).unlink()
    at(MORNING + timedelta(days=4), tasks.purge)
    (mail,) = mailoutbox
    assert (first.run.file_name in mail.body, second.run.file_name in mail.body) == (False, True)
    own = archive_of(location, first)
    own.write_bytes(b"the client's own file under that name")
    foreign = location.path / "notes.txt"
    foreign.write_text("not ours")
    assert at(MORNING + timedelta(days=5, seconds=1), retention.purge)["hosted"] == 2
    assert sorted(location.path.iterdir()) == sorted([own, foreign])
    assert Delivery.objects.filter(removed_at=None).count() == 0


def test_without_managers_or_with_dead_mail_the_next_round_tries_again(location, sent, settings, mailoutbox, request):
    sent()
    soon = MORNING + timedelta(days=4, hours=12)
    assert at(soon, hosted.warn) == 0
    request.getfixturevalue("people")
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert at(soon, hosted.warn) == 0
    settings.EMAIL_BACKEND = backend
    assert at(soon, hosted.warn) == 1
    assert len(mailoutbox) == 1


def test_a_file_that_is_sent_again_starts_anew(location, sent):
    made = sent()
    now = MORNING + timedelta(days=1)
    Delivery.objects.update(collected_at=now, warned_at=now, removed_at=now)
    again = reruns.deliver_again(made)
    assert (again.collected_at, again.warned_at, again.removed_at) == (None, None, None)

"""From a waiting run to a stored archive: claim, window, rows, CSV, ZIP, archive storage, position moved.

Every door (tick, button, command, page) ends in `execute`.
"""

import traceback
from datetime import datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.db import Error, transaction
from django.db.models import Q
from django.utils import timezone

from interactions import position
from interactions.position import PositionError
from interactions.rows import Rows, Selection, header

from . import archive, archives, manifest, naming
from .archive import Archived
from .claims import claim
from .errors import FlowError, LeaseLost
from .lease import Lease, backoff
from .models import Delivery, Flow, Run

log = structlog.get_logger(__name__)


def execute(run_id: int) -> Run | None:
    """Makes the file of a run that waits or whose worker died; returns the run as it is then, None if it was not to be had.

    Never raises for what goes wrong with the run: that is recorded on it.
    """
    run = claim(run_id)
    if run is None:
        return None
    with Lease(run) as lease:
        try:
            if fix_window(run, lease):
                generate(run, lease)
        except LeaseLost:
            log.warning("lease lost", run=run.pk, attempt=run.attempt)
        except (FlowError, PositionError, OSError, Error) as error:
            fail(run, lease, sentence(error), permanent=getattr(error, "permanent", isinstance(error, PositionError)))
        except Exception as error:
            log.exception("run failed", run=run.pk)
            fail(run, lease, f"An unexpected fault in the portal: {type(error).__name__}.", trace=traceback.format_exc())
    if run.status != Run.Status.DONE:
        run.refresh_from_db()
    return run


def fix_window(run: Run, lease: Lease) -> bool:
    """Stores the run's window before a row is read; a retry keeps the one it has. False if a later run has covered it."""
    flow = run.flow
    if run.lower and run.moves_position and run.lower != flow.position:
        lease.write(status=Run.Status.COVERED, finished_at=timezone.now(), error="", lease_until=None)
        return False
    run.upper = run.upper or position.current()
    if run.moves_position and not run.lower:
        run.lower = flow.position
        run.start = flow.start if flow.sequence == 0 else None
    if run.moves_position:
        run.sequence = flow.sequence + 1
        made = Run.objects.filter(flow=flow, sequence=flow.sequence, status=Run.Status.DONE)
        run.previous = made.order_by("-revision").first() if flow.sequence else None
    run.file_name = free_name(run)
    lease.write(lower=run.lower, upper=run.upper, start=run.start, previous=run.previous, file_name=run.file_name)
    return True


def free_name(run: Run) -> str:
    """The run's file name, which no other run of the flow has: a second file of a day gets `_2`, a rebuilt one `_r2`."""
    flow = run.flow
    if run.original:
        return naming.with_suffix(run.original.file_name, f"_r{run.revision}")
    zone = flow.account.zone
    plain = naming.render(
        flow.file_name,
        account=flow.account.name,
        kind=flow.kind,
        table=flow.profile_table.name,
        day=run.export_day,
        due=run.due_at.astimezone(zone),
        sequence=run.sequence,
    )
    if run.range_from and run.range_to:
        start, end = (f"{moment.astimezone(zone):%Y%m%dT%H%M%S}" for moment in (run.range_from, run.range_to))
        plain = naming.with_suffix(plain, f"_from_{start}_to_{end}")
    without = [Run.Status.FAILED, Run.Status.COVERED]
    others = Run.objects.filter(~Q(pk=run.pk), ~Q(status__in=without), flow=flow.pk)
    candidate, count = plain, 1
    while others.filter(file_name=candidate).exists():
        count += 1
        candidate = naming.with_suffix(plain, f"_{count}")
    return candidate


def selection(run: Run) -> Selection:
    """What the run's file holds."""
    flow = run.flow
    return Selection(
        kind=flow.definition,
        profile_table=flow.profile_table,
        attributes=flow.attributes(),
        moments=flow.moments,
        zone=flow.account.zone,
        upper=run.upper,
        lower=run.lower,
        start=run.start,
        range_from=run.range_from,
        range_to=run.range_to,
    )


def generate(run: Run, lease: Lease) -> None:
    """Reads, writes and stores the file, then records it."""
    chosen = selection(run)
    rows = Rows(chosen)
    path = archives.work_path(run)
    try:
        member = manifest.member_name(run.file_name)
        made = archive.write(rows.blocks(), member, run.export_day, path, lease.check)
        run.rows, run.first_event_id, run.last_event_id = rows.count, rows.first_event_id, rows.last_event_id
        if run.rows == 0 and run.moves_position and run.flow.when_empty == Flow.WhenEmpty.NO_FILE:
            lease.write(**finished(run, Run.Status.EMPTY), file_name="")
            return
        run.archive = archives.store(run, path)
    finally:
        path.unlink(missing_ok=True)
    archives.discard(run, range(1, run.attempt))
    try:
        record(run, lease, header(chosen), made)
    except LeaseLost:
        # Only then is it sure that the record was not written: after a lost connection it may have been.
        archives.storage().delete(run.archive)
        raise


def finished(run: Run, status: Run.Status) -> dict[str, object]:
    return {
        "status": status,
        "rows": run.rows,
        "finished_at": timezone.now(),
        "failures": 0,
        "lease_until": None,
        "next_attempt_at": None,
        "error": "",
        "trace": "",
    }


def record(run: Run, lease: Lease, columns: list[str], made: Archived) -> None:
    """Moves the flow's position and records the file and its deliveries, all or nothing.

    Should the position have moved meanwhile, the run is recorded as covered and its archive removed.
    """
    now = timezone.now()
    run.manifest = manifest.build(run, columns, made, now)
    values = {
        **finished(run, Run.Status.DONE),
        "sequence": run.sequence,
        "first_event_id": run.first_event_id,
        "last_event_id": run.last_event_id,
        "archive": run.archive,
        "csv_bytes": made.csv_bytes,
        "csv_sha256": made.csv_sha256,
        "archive_bytes": made.archive_bytes,
        "archive_sha256": made.archive_sha256,
        "manifest": run.manifest,
    }
    with transaction.atomic():
        if run.moves_position and not move_position(run):
            values = {"status": Run.Status.COVERED, "finished_at": now, "lease_until": None}
        lease.write(**values)
        if values["status"] == Run.Status.DONE:
            open_deliveries(run, now)
    if values["status"] == Run.Status.COVERED:
        archives.storage().delete(run.archive)
        return
    for name, value in values.items():
        setattr(run, name, value)


def move_position(run: Run) -> bool:
    """Moves the flow's position to the window's upper end; False if it is no longer at the lower one."""
    moved = Flow.objects.filter(pk=run.flow_id, position=run.lower).update(position=run.upper, sequence=run.sequence)
    return moved == 1


def open_deliveries(run: Run, now: datetime) -> None:
    """One delivery per location of the flow; what still waits for these locations is tried again with it, in order."""
    chosen = Flow.locations.through.objects.filter(flow=run.flow_id).order_by("pk")
    locations = list(chosen.values_list("location", flat=True)) if run.deliver else []
    if not locations:
        return
    Delivery.objects.bulk_create(Delivery(run=run, location_id=location, next_attempt_at=now) for location in locations)
    Delivery.objects.filter(location__in=locations, status=Delivery.Status.WAITING, next_attempt_at__gt=now).update(
        next_attempt_at=now
    )


def fail(run: Run, lease: Lease, error: str, *, permanent: bool = False, trace: str = "") -> None:
    """Records a failed try: to be tried again later, or left to a person after the last one."""
    failures = run.failures + 1
    final = permanent or failures >= settings.RUN_ATTEMPTS
    try:
        lease.write(
            status=Run.Status.FAILED if final else Run.Status.WAITING,
            failures=failures,
            next_attempt_at=None if final else backoff(failures),
            finished_at=timezone.now() if final else None,
            queued_at=None,
            lease_until=None,
            error=error,
            trace=trace,
        )
    except (LeaseLost, Error) as lost:
        # Without the database nothing can be recorded now; the claim runs out and recovery takes the run up.
        log.warning("failure not recorded", run=run.pk, reason=str(lost), error=error)


def sentence(error: Exception) -> str:
    """What a person is told of an expected failure."""
    if isinstance(error, OSError):
        where = f" ({Path(str(error.filename)).name})" if error.filename else ""
        return f"The archive could not be written: {error.strerror or type(error).__name__}{where}. Free space or mend the archive storage."
    if isinstance(error, Error):
        return f"The database refused or was out of reach: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}."
    return str(error)

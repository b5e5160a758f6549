"""Queries about runs, and the guarded changes of their status."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from django.conf import settings
from django.db import Error, connection, models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Greatest, Now
from django.utils.translation import gettext_noop

from ..database import discard_connection, is_database_away
from ..states import ACTIVE, ErrorCode, ItemStatus, Status, StopRequest, sources_of
from . import statements
from .audit import READER, SYSTEM, Actor, audit_context
from .fleet import Worker, WorkerQuerySet, lost_after
from .heartbeat import AGES, HeartbeatQuerySet, seconds_since
from .poison import COUNTS_AS_LOSS, death_columns

if TYPE_CHECKING:
    from .run import Run


logger = logging.getLogger(__name__)
R = TypeVar("R", bound="Run")
LOST_TOO_OFTEN = gettext_noop("The worker died several times in a row. Retry to continue where the run stopped.")
INTERRUPTED = gettext_noop("The worker was lost before the outcome was known.")


def as_expressions(assignments: Mapping[str, str]) -> dict[str, Any]:
    """The same assignments as in a guarded statement, for the ORM."""
    return {column: RawSQL(sql, []) for column, sql in assignments.items()}  # noqa: S611


MEASURED = (*AGES, "queue_age")  # by the database's clock, as it reads
READ_WITH_RUN = (*MEASURED, "worked_seconds", "starter_name", "source_name")  # what `with_ages` adds


# As `Run.unknown`: items whose outcome a crash left unknown.
UNKNOWN_OUTCOMES: Final = models.F("processed") - models.F("succeeded") - models.F("failed") - models.F("skipped")


class RunQuerySet(HeartbeatQuerySet[R]):
    def with_ages(self) -> Self:
        """With the time in the queue and at work too, and by joins the names of the starter and of what it works on."""
        path = self.model.source_path
        return (
            super()
            .with_ages()
            .annotate(
                queue_age=seconds_since("queued_at"),
                worked_seconds=Cast(KeyTextTransform(0, KeyTransform(-1, "pace")), models.FloatField()),
                starter_name=models.F("created_by__username"),
                source_name=models.F(path) if path else models.Value(None, models.CharField()),
            )
        )

    def active(self) -> Self:
        return self.filter(status__in=ACTIVE)

    def overdue(self) -> Self:
        return self.filter(status=Status.RUNNING).without_heartbeat_for(self.model.stale_after())

    def running_in_time(self) -> Self:
        """The running ones that aren't overdue."""
        has_heartbeat = models.Q(heartbeat_at__gte=Now() - self.model.stale_after())
        return self.filter(has_heartbeat | models.Q(silent_until__gt=Now()), status=Status.RUNNING)

    def on_lost_machines(self, judge: WorkerQuerySet) -> Self:
        """The running ones of which neither the worker nor the work itself has sent a heartbeat for long enough.

        A declared silence doesn't count: the machine is gone. None while the judge isn't entitled to judge. All of it
        is one statement, by one reading of the clock: a database that was frozen until now makes nobody lost.
        """
        lost = Worker.objects.lost().filter(name=models.OuterRef("worker"), boot=models.OuterRef("worker_boot"))
        return self.filter(
            models.Exists(judge.entitled_to_judge()),
            models.Exists(lost),
            status=Status.RUNNING,
            heartbeat_at__lte=Now() - lost_after(),
        )

    def owned_by_attempt(self, run: Run) -> Self:
        """The row, as long as this very attempt still runs it, and isn't overdue."""
        return self.running_in_time().filter(pk=run.pk, attempt=run.attempt)

    def transition_to(self, target: Status, **columns: Any) -> int:
        """Change the status of the rows that may go to `target`. Of two callers at once only one counts a row."""
        leaving = as_expressions(statements.WHEN_LEAVING)
        return self.filter(status__in=sources_of(target)).update(
            **{**leaving, "status": target, "version": models.F("version") + 1, **columns}
        )

    def fail(self, code: ErrorCode, message: Any, **columns: Any) -> int:
        """Fail these runs; what their attempts had in flight is unknown.

        The status changes first, which fences the worker: otherwise it could settle one item and begin the next
        between the two statements, and that one would stay in flight for ever. A crash leaves both changes or none.
        """
        with transaction.atomic():
            rows = self.locked()
            failed = {"error_code": code, "error_message": message, "finished_at": Now(), **columns}
            changed = rows.transition_to(Status.FAILED, **failed)
            rows.mark_in_flight_unknown()
        return changed

    def locked(self, *, skip_locked: bool = False) -> Self:
        """These rows, locked until the transaction ends, in one order: two who lock several can't block each other.

        Whoever locks a run and its items locks the run first. `skip_locked` leaves out what others have locked.
        """
        rows = self.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
        return cast("Self", self.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True))))

    def expire(self, actor: Actor) -> int:
        """Fail the overdue runs among these rows, and log each; how many.

        A row that is locked by another writer is left to the next caller.
        """
        overdue_sql, params = self.order_by().overdue().values("pk").query.sql_with_params()
        with transaction.atomic(), audit_context(actor, "no heartbeat"), connection.cursor() as cursor:
            cursor.execute(statements.expire_sql(self.model, overdue_sql), params)
            expired = cursor.fetchall()
            self.model.objects.filter(pk__in=[row[0] for row in expired]).mark_in_flight_unknown()
        for pk, business, worker, age in expired:
            logger.warning(
                "Run expired: type=%s id=%s business=%s worker=%s age=%ss", self.model.slug, pk, business, worker, age
            )
        return len(expired)

    def repair(self) -> None:
        """Read-repair: one SELECT, and the UPDATE only when it finds an overdue run."""
        if self.overdue().exists():
            self.expire_if_writable(READER)

    def expire_if_writable(self, actor: Actor) -> bool:
        """Like `expire`; False where the database takes no writes: readers show the runs as failed all the same."""
        try:
            self.expire(actor)
        except Error as error:
            if not is_database_away(error):
                raise
            discard_connection()
            return False
        return True

    def claimable(self) -> Self:
        """Queued, and not waiting in the queue until a later time."""
        return self.filter(~models.Q(waiting_until__gt=Now()), status=Status.QUEUED)

    def measure_wait(self) -> tuple[int, float]:
        """How many these are, and for how many seconds the first of them has waited since it could be claimed."""
        since = models.Min(Greatest("queued_at", "waiting_until"))
        age = models.functions.Extract(Now() - since, "epoch")
        row = self.aggregate(number=models.Count("pk"), age=age)
        return row["number"], float(row["age"] or 0)

    def shown_as(self, *statuses: Status) -> Self:
        """The runs that readers see in one of these: an overdue one as failed, even where nobody could write that."""
        rows = self.shown_as_or_overdue(*statuses)
        if Status.RUNNING not in statuses or Status.FAILED in statuses:
            return rows
        return rows.exclude(pk__in=self.model.objects.overdue().values("pk"))

    def shown_as_or_overdue(self, *statuses: Status) -> Self:
        """With those that aren't shown because they are overdue: for a reader that expires them when it sees them."""
        shown = models.Q(status__in=statuses)
        if Status.FAILED in statuses:
            shown |= models.Q(pk__in=self.model.objects.overdue().values("pk"))
        return self.filter(shown)

    def requeue(self, **columns: Any) -> int:
        return self.transition_to(
            Status.QUEUED,
            **{
                **as_expressions(statements.WHEN_REQUEUED),
                "finished_at": None,
                "error_code": "",
                "error_message": "",
                **columns,
            },
        )

    def reclaim(
        self,
        actor: Actor = SYSTEM,
        *,
        is_death: bool = True,
        reason: str = "resumed after worker loss",
        skip_locked: bool = False,
    ) -> int:
        """Put the running ones among these back in the queue, to go on from their cursors: their process is gone.

        An overdue one stays, and expires: readers may have been shown it as failed, though nobody could write that. A
        stop that was requested of one is applied here. Where the process died, the item that was open is accused (see
        `poison`), or else a loss is counted: a run that loses its worker again and again without progress fails.
        `is_death` is false for a warm shutdown, which the run isn't to blame for.
        """
        died: dict[str, Any] = {"open_item": ""}
        losses: dict[str, Any] = {}
        if is_death:
            died = as_expressions(death_columns())
            losses = as_expressions({"losses": f"CASE WHEN {COUNTS_AS_LOSS} THEN losses + 1 ELSE losses END"})
        with transaction.atomic():
            rows = self.filter(status=Status.RUNNING).locked(skip_locked=skip_locked)
            running = rows.running_in_time()
            not_stopping = running.exclude(requested__in=(StopRequest.PAUSE, StopRequest.CANCEL))
            reclaimed = 0
            # The order matters: a pause or a cancel that is requested between these statements must still be seen by
            # the last ones.
            if is_death:
                with audit_context(actor, "worker lost"):
                    reclaimed += not_stopping.on_their_last_loss().fail(ErrorCode.WORKER_LOST, LOST_TOO_OFTEN, **died)
            with audit_context(actor, reason if is_death else "asked to interrupt"):
                reclaimed += not_stopping.requeue(**died, **losses)
            with audit_context(actor, "asked to pause"):
                reclaimed += running.filter(requested=StopRequest.PAUSE).transition_to(Status.PAUSED, **died)
            with audit_context(actor, "asked to cancel"):
                reclaimed += running.filter(requested=StopRequest.CANCEL).transition_to(
                    Status.CANCELLED, finished_at=Now(), **died
                )
            rows.mark_in_flight_unknown()
        return reclaimed

    def on_their_last_loss(self) -> Self:
        """The runs that fail by this death: it counts as a loss, and is one too many."""
        counts = RawSQL(COUNTS_AS_LOSS, [], output_field=models.BooleanField())  # noqa: S611
        return self.filter(counts, losses__gte=settings.RUNS_MAX_LOSSES - 1)

    def mark_in_flight_unknown(self) -> None:
        """Set to unknown, and count, the items that these runs have in flight: their attempts report nothing more.

        The runs' rows are locked already, or their status has changed in this transaction.
        """
        items = self.model.item_model()
        if items is None:
            return
        with transaction.atomic():
            in_flight = items._default_manager.filter(
                models.Q(("run__in", self.order_by().values("pk"))), models.Q(status=ItemStatus.IN_FLIGHT)
            )
            lost = list(
                in_flight.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", models.F("run"))
            )
            items._default_manager.filter(pk__in=[pk for pk, _run in lost]).update(
                status=ItemStatus.UNKNOWN, error_code="interrupted", error_message=INTERRUPTED
            )
            for run, count in Counter(run for _pk, run in lost).items():
                processed = models.F("processed") + count
                self.model.objects.filter(pk=run).update(
                    processed=processed, furthest=Greatest("furthest", processed), version=models.F("version") + 1
                )

    def request_stop(self, request: StopRequest, *, actor: Actor | None, reason: str = "") -> int:
        """Ask the attempts of these runs to stop; the stop is recorded as `actor`'s, or the worker's.

        Nothing replaces a cancel, and an interrupt no person's pause.
        """
        requester = actor and {**asdict(actor), **({"reason": reason} if reason else {})}
        stronger = [StopRequest.CANCEL, StopRequest.PAUSE] if request == StopRequest.INTERRUPT else [StopRequest.CANCEL]
        return (
            self.filter(status=Status.RUNNING)
            .exclude(requested__in=stronger)
            .update(requested=request, requested_by=requester, version=models.F("version") + 1)
        )

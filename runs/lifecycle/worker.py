"""The worker's side of a run: claim the next one, do the work, and end the attempt in a true status."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db import Error

from ..database import discard_connection, is_database_away, is_outage, retry_while_database_is_away
from ..exceptions import RunDeferred, RunLost, RunRejected, RunStopped, RunUnreachable
from ..models import Run
from ..models.audit import Actor, audit_context
from ..models.queue_snapshot import types_of
from ..progress.progress import Progress
from ..states import STATUS_AFTER_STOP, ErrorCode, Status, StopRequest
from ..stored_text import explain_exception
from ..text import clean
from .claim import claim_next, order_queues
from .dispatch import wake_if_claimable
from .worker_process import this_worker

R = TypeVar("R", bound=Run)
Work = Callable[[R, Progress], None]

logger = logging.getLogger(__name__)


works: dict[type[Run], Work[Any]] = {}  # what this process can work on


def run_task(model: type[R]) -> Callable[[Work[R]], Work[R]]:
    """Make a function the work of a run type: `(run, progress) -> None`.

    It may be called several times for one run, each time with the cursor that the last call left.
    """

    def register(work: Work[R]) -> Work[R]:
        works[model] = work
        return work

    return register


def work_on_next(queue: str, *, worker: str = "", task_id: str = "") -> None:
    """Claim the next run, work on it, end the attempt, and wake its queue for the one after it.

    The message that named `queue` woke a worker: which of the queues that it serves is next, the database says.

    A message that comes too late or twice finds nothing to claim, or a run that waits for a worker anyway.
    """
    if this_worker.is_stopping():
        return  # what is queued is left to other workers, or to this one's next boot
    claims = ClaimsOfTask(queue, worker, task_id)
    run = retry_while_database_is_away(claims.claim)
    if run is None:
        logger.info("Nothing to claim: %s", queue)
        return
    try:
        work_on_claimed(run, works[type(run)], Actor("worker", worker))
    finally:
        end_task(claims, run.queue)


class ClaimsOfTask:
    """The runs that a task claims: one, and those of tries whose answer was lost when the database went away.

    Such a try may have been committed, or be committed while a later one is under way. Nobody would work on its run, so
    it goes back to the queue: before the next try, after the one that succeeded, and when the task ends.
    """

    def __init__(self, queue: str, worker: str, task_id: str) -> None:
        self.queue, self.worker, self.task_id = queue, worker, task_id
        self.types = [model for each in {queue, *this_worker.queues} for model in types_of(each) if model in works]
        self.tries = 0

    def claim(self) -> Run | None:
        self.tries += 1
        self.requeue_lost()
        queues = order_queues(self.queue, this_worker.queues, self.types)
        run = next(filter(None, map(self.claim_from, queues)), None)
        self.requeue_lost(unless=run)
        return run

    def claim_from(self, queue: str) -> Run | None:
        types = [model for model in self.types if model.queue == queue]
        return claim_next(queue, worker=self.worker, task_id=self.task_id, types=types)

    def requeue_lost(self, unless: Run | None = None) -> None:
        """All but the one that is worked on. After a single try there are none."""
        if self.tries < 2:
            return
        for model in self.types:
            mine = model.objects.filter(worker_boot=this_worker.boot, task_id=self.task_id)
            lost = mine.exclude(pk=unless.pk) if isinstance(unless, model) else mine
            lost.reclaim(Actor("worker", self.worker), is_death=False)


def work_on_claimed(run: R, work: Work[R], worker: Actor) -> None:
    if this_worker.is_stopping():  # claimed after this worker's other runs were requested to interrupt
        own_row = type(run).objects.owned_by_attempt(run)
        retry_while_database_is_away(partial(own_row.request_stop, StopRequest.INTERRUPT, actor=None))
    try:
        work_on_attempt(run, work, worker)
    except RunLost:
        logger.warning("Run lost: type=%s id=%s attempt=%s", run.slug, run.pk, run.attempt)
    except Exception as error:
        if not is_database_away(error):
            raise
        logger.warning("Run left to its readers: type=%s id=%s: %s", run.slug, run.pk, error)


def end_task(claims: ClaimsOfTask, queue: str) -> None:
    """This slot is about to be free. A new message, and not a loop: Celery recycles its processes between tasks."""
    try:
        claims.requeue_lost()
        if not this_worker.is_stopping():
            wake_if_claimable(queue)
    except Error as error:
        if not is_database_away(error):
            raise
        discard_connection()


def work_on_attempt(run: R, work: Work[R], worker: Actor) -> None:
    progress = Progress(run)
    try:
        work(run, progress)
    except RunLost:
        raise
    except RunStopped as stop:
        apply_stop_request(progress, StopRequest(str(stop)), worker)
    except RunDeferred as error:
        with audit_context(worker, "deferred", seconds=error.seconds, waits_for=clean(error.reason)):
            progress.leave(Status.QUEUED, waiting=(error.seconds, error.reason))
    except RunRejected as error:
        with audit_context(worker, "rejected"):
            progress.leave(Status.FAILED, ErrorCode.REJECTED, error)
    except RunUnreachable as error:
        with audit_context(worker, "unreachable"):
            progress.leave(Status.FAILED, ErrorCode.UNREACHABLE, error)
    except Exception as error:
        if is_outage(error):
            requeue_after_outage(run, worker, error)
            return
        logger.exception("Run failed: type=%s id=%s", run.slug, run.pk)
        with audit_context(worker, "exception", traceback=clean(traceback.format_exc())):
            record_exception(progress, error)
    else:
        with audit_context(worker, "completed"):
            progress.leave(Status.COMPLETED)


def record_exception(progress: Progress, error: Exception) -> None:
    """An exception that escaped counts as a death: the run fails, or goes on after an item that it is the second of."""
    if progress.dies_in_accused_item():
        progress.leave(Status.QUEUED, died=True)
    else:
        progress.leave(Status.FAILED, ErrorCode.EXCEPTION, explain_exception(error), died=True)


def apply_stop_request(progress: Progress, request: StopRequest, worker: Actor) -> None:
    """In the name of the person who asked for it, with their reason, or else of the worker."""
    requester, reason = retry_while_database_is_away(fetch_requester, progress.run)
    with audit_context(requester or worker, reason or f"asked to {request}", worker=worker.name):
        progress.leave(STATUS_AFTER_STOP[request])


def fetch_requester(run: Run) -> tuple[Actor | None, str]:
    """Who asked for the stop, and the reason that was given; of the machinery's own request neither."""
    requester = type(run).objects.filter(pk=run.pk).values_list("requested_by", flat=True).first()
    if not requester:
        return None, ""
    reason = requester.pop("reason", "")
    return Actor(**requester), reason


def requeue_after_outage(run: Run, worker: Actor, error: Exception) -> None:
    """A query of the work itself met an outage: once the database is back, the run goes on from its cursor.

    No item is to blame. But it counts as a loss, or a run that always meets one would never end.
    """
    logger.warning("The database is away: type=%s id=%s: %s", run.slug, run.pk, error)
    attempt = type(run).objects.owned_by_attempt(run)

    def requeue_attempt() -> int:
        attempt.update(open_item="")
        with audit_context(worker, "", error=clean(error)):
            return attempt.reclaim(worker, reason="the database was away")

    retry_while_database_is_away(requeue_attempt)

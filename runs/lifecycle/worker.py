"""The worker's side of a run: claim it, do the work, and end the attempt in a true status."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import RawValue
from typing import Any, TypeVar, cast

from celery import Task, shared_task
from celery.exceptions import WorkerLostError
from celery.signals import task_failure, worker_init, worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import state
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from ..database import is_database_away, is_outage, retry_while_database_is_away
from ..exceptions import RunDeferred, RunLost, RunRejected, RunStopped, RunUnreachable
from ..models import Run, RunQuerySet, run_types, statements
from ..models.audit import Actor, audit_context
from ..progress.progress import Progress
from ..states import STATUS_AFTER_STOP, ErrorCode, Status, StopRequest
from ..text import clean
from .dispatch import publish, task_name

R = TypeVar("R", bound=Run)
Work = Callable[[R, Progress], None]

logger = logging.getLogger(__name__)

CHILDREN_SECONDS = 1.0
LATE_CLAIM_SECONDS = 5.0


@dataclass(frozen=True)
class LostTask:
    """A task whose process died; `run_id` is the run that it was to claim, `due` a moment of `time.monotonic`."""

    id: str
    name: str
    run_id: int
    is_death: bool
    due: float


lost_tasks: deque[LostTask] = deque()

boot = ""  # names this start of the worker; its children inherit it
stopping = RawValue("b", 0)  # shared with the children: the worker takes no more runs


@worker_init.connect
def name_this_boot(**kwargs: Any) -> None:
    global boot
    boot = uuid.uuid4().hex


@worker_ready.connect
def reclaim_after_restart(sender: Any, **kwargs: Any) -> None:
    """A worker that comes back under its old name knows that its earlier self is dead."""
    _for_each_run_type(
        lambda model: _reclaim(model.objects.filter(worker=sender.hostname).exclude(worker_boot=boot), sender.hostname)
    )


@worker_ready.connect
def watch_children(sender: Any, **kwargs: Any) -> None:
    """With an event loop Celery looks for dead children every five seconds, which is all that is promised."""
    if sender.hub:
        sender.hub.call_repeatedly(CHILDREN_SECONDS, sender.pool.maintain_pool)
        sender.hub.call_repeatedly(CHILDREN_SECONDS, recheck_lost_tasks)


@task_failure.connect
def reclaim_from_lost_process(
    sender: Task[Any, Any], task_id: str, exception: BaseException, args: Sequence[int] = (), **kwargs: Any
) -> None:
    """The parent sees that its child was killed, or ran out of memory, in the middle of a run.

    In a warm shutdown it is this very parent that kills what takes too long: nobody's fault.
    """
    if isinstance(exception, WorkerLostError):
        is_death = not stopping.value
        _for_each_run_type(
            lambda model: _reclaim(model.objects.filter(task_id=task_id), "its parent", is_death=is_death)
        )
        due = time.monotonic() + LATE_CLAIM_SECONDS
        lost_tasks.extend(LostTask(task_id, sender.name, run_id, is_death, due) for run_id in args)


def recheck_lost_tasks() -> None:
    """Look again at the runs of processes that died over their claims.

    The database finishes a statement that it has received, also when its client is dead: such a claim may be committed
    after the loss was handled, and nobody would work on the run. Where the claim never arrived, the message is lost.
    """
    while lost_tasks and time.monotonic() >= lost_tasks[0].due:
        _for_each_run_type(partial(_recheck_run, lost_tasks.popleft()))


def _recheck_run(lost: LostTask, model: type[Run]) -> None:
    if task_name(model) == lost.name:
        _reclaim(model.objects.filter(task_id=lost.id), "its parent", is_death=lost.is_death)
        for run in model.objects.filter(pk=lost.run_id, status=Status.QUEUED):
            publish(run)


@worker_shutting_down.connect
def interrupt_before_shutdown(sender: str, how: str, **kwargs: Any) -> None:
    """A deploy: the runs of this worker go back to the queue at their next item."""
    stopping.value = 1
    if how == "Warm":
        mine = {"worker": sender, "worker_boot": boot}
        _for_each_run_type(lambda model: model.objects.filter(**mine).request_stop(StopRequest.INTERRUPT))


@worker_shutting_down.connect
def leave_in_time(how: str, **kwargs: Any) -> None:
    """A deploy doesn't wait for the end of a long item: after a while its process is killed, as if it were lost."""
    if how == "Warm":
        timer = threading.Timer(settings.RUNS_SHUTDOWN_SECONDS, _kill_busy_children)
        timer.daemon = True
        timer.start()


def _kill_busy_children() -> None:
    for request in list(state.active_requests):
        if pid := request.worker_pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@worker_shutdown.connect
def publish_what_was_interrupted(**kwargs: Any) -> None:
    """Only now: a message sent any earlier might be taken by this very worker as it goes down."""

    def publish_mine(model: type[Run]) -> None:
        _reclaim(model.objects.filter(worker_boot=boot), "its parent", is_death=False)  # no child is left
        for run in model.objects.filter(worker_boot=boot, status=Status.QUEUED, dispatches=0):
            publish(run)

    _for_each_run_type(publish_mine)


def _requeue_for_other_workers(model: type[Run], run_id: int) -> None:
    """A message that came too late for this worker is sent again when it has gone."""
    model.objects.filter(pk=run_id, status=Status.QUEUED).update(worker_boot=boot, dispatches=0)


def _reclaim(runs: RunQuerySet[Run], worker: str, *, is_death: bool = True) -> None:
    lost = list(runs.filter(status=Status.RUNNING))
    if not lost:
        return
    runs.reclaim(Actor("worker", worker), is_death=is_death)
    for run in lost:
        publish(run)


def _for_each_run_type(step: Callable[[type[Run]], object]) -> None:
    """For signals, which come outside of any task: nobody else catches what fails, nor closes the connection."""
    try:
        for model in run_types():
            step(model)
    except Exception as error:
        if is_database_away(error):
            logger.warning("The worker puts its runs in order when the database is back: %s", error)
            threading.Thread(target=_repeat_after_outage, args=[step], daemon=True).start()
        else:
            logger.exception("The worker could not put its runs in order; the sweep will expire them")
    finally:
        connection.close()


def _repeat_after_outage(step: Callable[[type[Run]], object]) -> None:
    """In a thread: the worker's own loop must go on talking to the broker.

    Late is safe: every step concerns only runs that a dead process, or this boot of the worker, still holds then.
    """
    try:
        for model in run_types():
            retry_while_database_is_away(step, model)
    except Exception:
        logger.exception("The worker could not put its runs in order; the sweep will expire them")
    finally:
        connection.close()


def run_task(model: type[R]) -> Callable[[Work[R]], Task[Any, Any]]:
    """Make a function the work of a run type: `(run, progress) -> None`.

    It may be called several times for one run, each time with the cursor where the last left off.
    """

    def decorate(work: Work[R]) -> Task[Any, Any]:
        def task(self: Task[Any, Any], run_id: int) -> None:
            request = self.request
            execute(model, work, run_id, worker=request.hostname or "", task_id=request.id or "")

        task.__doc__ = work.__doc__
        # Early acknowledgement: a broker must never hand a long run to a second worker.
        return cast(
            "Task[Any, Any]",
            shared_task(
                bind=True,
                name=task_name(model),
                acks_late=False,
                ignore_result=True,
                throws=(WorkerLostError,),  # the run goes on: one line in the log, no traceback
            )(task),
        )

    return decorate


def execute(model: type[R], work: Work[R], run_id: int, *, worker: str = "", task_id: str = "") -> None:
    """Claim the run, work on it, end the attempt. A late or second message finds nothing to claim."""
    if stopping.value:
        retry_while_database_is_away(_requeue_for_other_workers, model, run_id)
        return
    run = retry_while_database_is_away(claim, model, run_id, worker=worker, task_id=task_id)
    if run is None:
        logger.info("Nothing to claim: %s %s", model.slug, run_id)
        return
    if stopping.value:  # it was claimed after this worker's runs were asked to interrupt
        retry_while_database_is_away(model.objects.owned_by_attempt(run).request_stop, StopRequest.INTERRUPT)
    try:
        _attempt(run, work, Actor("worker", worker))
    except RunLost:
        logger.warning("Run lost: type=%s id=%s attempt=%s", run.slug, run.pk, run.attempt)
    except Exception as error:
        if not is_database_away(error):
            raise
        logger.warning("Run left to its readers: type=%s id=%s: %s", run.slug, run.pk, error)


def claim(model: type[R], run_id: int, *, worker: str, task_id: str) -> R | None:
    """Take a queued run as a new attempt; None when it isn't queued any more, or waits until a later time."""
    parameters = {"id": run_id, "worker": worker, "worker_boot": boot, "task_id": task_id}
    with audit_context(Actor("worker", worker), "claimed"):
        rows = model.objects.raw(statements.claim(model), parameters)
        return cast("R | None", next(iter(rows), None))


def _attempt(run: R, work: Work[R], worker: Actor) -> None:
    progress = Progress(run)
    try:
        work(run, progress)
    except RunLost:
        raise
    except RunStopped as stop:
        _apply_stop_request(progress, StopRequest(str(stop)), worker)
    except RunDeferred as error:
        with audit_context(worker, "deferred"):
            progress.leave(Status.QUEUED, waiting=(error.seconds, error.reason))
    except RunRejected as error:
        with audit_context(worker, "rejected"):
            progress.leave(Status.FAILED, ErrorCode.REJECTED, error)
    except RunUnreachable as error:
        with audit_context(worker, "unreachable"):
            progress.leave(Status.FAILED, ErrorCode.UNREACHABLE, error)
    except Exception as error:
        if is_outage(error):
            _requeue_after_outage(run, worker, error)
            return
        logger.exception("Run failed: type=%s id=%s", run.slug, run.pk)
        with audit_context(worker, "exception", traceback=clean(traceback.format_exc())):
            _record_exception(progress, error)
    else:
        with audit_context(worker, "completed"):
            progress.leave(Status.COMPLETED)


def _record_exception(progress: Progress, error: Exception) -> None:
    """An exception that escaped is a death: the run fails, or goes on behind the item if it is the second in a row."""
    if progress.dies_in_accused_item():
        progress.leave(Status.QUEUED, died=True)
        publish(progress.run)
    else:
        progress.leave(Status.FAILED, ErrorCode.EXCEPTION, _describe(error), died=True)


def _apply_stop_request(progress: Progress, request: StopRequest, worker: Actor) -> None:
    with audit_context(worker, f"asked to {request}"):
        progress.leave(STATUS_AFTER_STOP[request])
    if request == StopRequest.INTERRUPT and not stopping.value:  # its time slice is over: to the end of the queue
        publish(progress.run)


def _requeue_after_outage(run: Run, worker: Actor, error: Exception) -> None:
    """A query of the work itself met an outage: once the database is back, the run goes on from its cursor.

    No item is to blame. But it counts as a loss, or a run that always meets one would never end.
    """
    logger.warning("The database is away: type=%s id=%s: %s", run.slug, run.pk, error)
    held = type(run).objects.owned_by_attempt(run)

    def give_back() -> int:
        held.update(open_item="")
        with audit_context(worker, "", error=clean(error)):
            return held.reclaim(worker, reason="the database was away")

    if retry_while_database_is_away(give_back):
        publish(run)


def _describe(error: Exception) -> str:
    return _("The program failed: %(error)s") % {"error": str(error) or type(error).__name__}

"""The runs of a worker process that is gone go back to the queue, once its parent or its worker knows that it is dead.

Handlers of Celery's signals. They are called in the worker's main process, never in the middle of a task.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from celery.exceptions import WorkerLostError
from celery.signals import task_failure, task_revoked, worker_ready

from ..models import Run, RunQuerySet
from ..models.audit import Actor
from ..states import Status
from .dispatch import wake_queue
from .signal_steps import for_each_run_type
from .worker_process import this_worker

CHILDREN_SECONDS = 1.0
LATE_CLAIM_SECONDS = 5.0


@dataclass(frozen=True)
class LostTask:
    """A task whose process died; `due` is a moment of `time.monotonic`."""

    id: str
    is_death: bool
    due: float


lost_tasks: deque[LostTask] = deque()  # the oldest first


@worker_ready.connect
def reclaim_after_restart(sender: Any, **kwargs: Any) -> None:
    """A worker that comes back under its old name knows that its earlier process is dead."""

    def reclaim_earlier_boots(model: type[Run]) -> None:
        earlier = model.objects.filter(worker=sender.hostname).exclude(worker_boot=this_worker.boot)
        reclaim_and_wake(earlier, sender.hostname)

    for_each_run_type(reclaim_earlier_boots)


@worker_ready.connect
def watch_children(sender: Any, **kwargs: Any) -> None:
    """Celery itself looks for dead children every five seconds where it has an event loop, and promises no more."""
    if sender.hub:
        sender.hub.call_repeatedly(CHILDREN_SECONDS, sender.pool.maintain_pool)
        sender.hub.call_repeatedly(CHILDREN_SECONDS, recheck_lost_tasks)


@task_failure.connect
def reclaim_from_lost_process(task_id: str, exception: BaseException, **kwargs: Any) -> None:
    """The parent sees that its child was killed, or ran out of memory, in the middle of a run.

    In a warm shutdown the parent itself kills what takes too long (`limit_shutdown`): the run isn't to blame.
    """
    if isinstance(exception, WorkerLostError):
        due = time.monotonic() + LATE_CLAIM_SECONDS
        lost = LostTask(task_id, is_death=not this_worker.is_stopping(), due=due)
        reclaim_task(lost)
        lost_tasks.append(lost)


@task_revoked.connect
def note_killed_task(request: Any, terminated: bool, **kwargs: Any) -> None:
    """This worker has killed the hung task of a failed run (`end_hung_tasks`): nobody needs to ask for it again."""

    def forget_task(model: type[Run]) -> None:
        model.objects.filter(status=Status.FAILED, task_id=request.id).update(task_id="")

    if terminated:
        for_each_run_type(forget_task)


def recheck_lost_tasks() -> None:
    """Look again at the runs of processes that died during their claims.

    The database finishes a statement that it has received, even when its client is dead: such a claim may be committed
    after the loss was handled, and nobody would work on the run.
    """
    while lost_tasks and time.monotonic() >= lost_tasks[0].due:
        reclaim_task(lost_tasks.popleft())


def reclaim_task(lost: LostTask) -> None:
    def reclaim_runs(model: type[Run]) -> None:
        reclaim_and_wake(model.objects.filter(task_id=lost.id), "its parent", is_death=lost.is_death)

    for_each_run_type(reclaim_runs)


def reclaim_and_wake(runs: RunQuerySet[Run], worker: str, *, is_death: bool = True) -> None:
    """`worker` is who knows that the attempts are dead."""
    if runs.filter(status=Status.RUNNING).exists() and (
        reclaimed := runs.reclaim(Actor("worker", worker), is_death=is_death)
    ):
        wake_queue(runs.model.queue, reclaimed)

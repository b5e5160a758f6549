"""The runs of a worker process that is gone go back to the queue, once its parent or its worker knows that it is dead.

Handlers of Celery's signals. They are called in the worker's main process, never in the middle of a task.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from celery import Task
from celery.exceptions import WorkerLostError
from celery.signals import task_failure, worker_ready

from ..models import Run, RunQuerySet
from ..models.audit import Actor
from ..states import Status
from .dispatch import publish, task_name
from .signal_steps import for_each_run_type
from .worker_process import this_worker

CHILDREN_SECONDS = 1.0
LATE_CLAIM_SECONDS = 5.0


@dataclass(frozen=True)
class LostTask:
    """A task whose process died; `run_id` is the run that its message named, `due` a moment of `time.monotonic`."""

    id: str
    name: str
    run_id: int
    is_death: bool
    due: float


lost_tasks: deque[LostTask] = deque()  # the oldest first


@worker_ready.connect
def reclaim_after_restart(sender: Any, **kwargs: Any) -> None:
    """A worker that comes back under its old name knows that its earlier process is dead."""

    def reclaim_earlier_boots(model: type[Run]) -> None:
        earlier = model.objects.filter(worker=sender.hostname).exclude(worker_boot=this_worker.boot)
        reclaim_and_publish(earlier, sender.hostname)

    for_each_run_type(reclaim_earlier_boots)


@worker_ready.connect
def watch_children(sender: Any, **kwargs: Any) -> None:
    """Celery itself looks for dead children every five seconds where it has an event loop, and promises no more."""
    if sender.hub:
        sender.hub.call_repeatedly(CHILDREN_SECONDS, sender.pool.maintain_pool)
        sender.hub.call_repeatedly(CHILDREN_SECONDS, recheck_lost_tasks)


@task_failure.connect
def reclaim_from_lost_process(
    sender: Task[Any, Any], task_id: str, exception: BaseException, args: Sequence[int] = (), **kwargs: Any
) -> None:
    """The parent sees that its child was killed, or ran out of memory, in the middle of a run.

    In a warm shutdown the parent itself kills what takes too long (`limit_shutdown`): the run isn't to blame.
    """
    if isinstance(exception, WorkerLostError):
        is_death = not this_worker.is_stopping()
        for_each_run_type(
            lambda model: reclaim_and_publish(model.objects.filter(task_id=task_id), "its parent", is_death=is_death)
        )
        due = time.monotonic() + LATE_CLAIM_SECONDS
        lost_tasks.extend(LostTask(task_id, sender.name, run_id, is_death, due) for run_id in args)


def recheck_lost_tasks() -> None:
    """Look again at the runs of processes that died during their claims.

    The database finishes a statement that it has received, even when its client is dead: such a claim may be committed
    after the loss was handled, and nobody would work on the run. Where the claim never arrived, the message is lost.
    """
    while lost_tasks and time.monotonic() >= lost_tasks[0].due:
        for_each_run_type(partial(recheck_run, lost_tasks.popleft()))


def recheck_run(lost: LostTask, model: type[Run]) -> None:
    if task_name(model) == lost.name:
        reclaim_and_publish(model.objects.filter(task_id=lost.id), "its parent", is_death=lost.is_death)
        for run in model.objects.filter(pk=lost.run_id, status=Status.QUEUED):
            publish(run)


def reclaim_and_publish(runs: RunQuerySet[Run], worker: str, *, is_death: bool = True) -> None:
    """`worker` is who knows that the attempts are dead."""
    lost = list(runs.filter(status=Status.RUNNING))
    if not lost:
        return
    runs.reclaim(Actor("worker", worker), is_death=is_death)
    for run in lost:
        publish(run)

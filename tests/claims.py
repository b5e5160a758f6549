"""Let a worker of the test claim one run, whatever else waits in its queue, and work on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

from django.db.models.functions import Now

from runs.lifecycle.claim import claim_next
from runs.lifecycle.worker import ClaimsOfTask, end_task, work_on_claimed
from runs.models import Run
from runs.models.audit import Actor
from runs.progress import Progress
from runs.states import Status

R = TypeVar("R", bound=Run)


def claim_run(run: R, *, worker: str = "worker@test", task_id: str = "task") -> R | None:
    """The run as claimed, or None where it isn't claimable."""
    with others_held_back(run):
        claimed = claim_next(run.queue, worker=worker, task_id=task_id, types=[type(run)])
    assert claimed is None or claimed.pk == run.pk
    return cast("R | None", claimed)


@contextmanager
def others_held_back(run: Run) -> Iterator[None]:
    queued = type(run).objects.filter(status=Status.QUEUED, waiting_until=None).exclude(pk=run.pk)
    others = list(queued.values_list("pk", flat=True))
    queued.update(waiting_until=Now() + timedelta(hours=1))
    try:
        yield
    finally:
        type(run).objects.filter(pk__in=others).update(waiting_until=None)


def work_on(run: R, work: Callable[[R, Progress], None], *, worker: str = "worker@test", task_id: str = "task") -> None:
    """Claim the run and work on it as a task of a worker does; nothing where it isn't claimable."""
    if claimed := claim_run(run, worker=worker, task_id=task_id):
        try:
            work_on_claimed(claimed, work, Actor("worker", worker))
        finally:
            end_task(ClaimsOfTask(run.queue, worker, task_id), run.queue)

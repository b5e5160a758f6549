"""Claim a run and work on it as a worker's task does, without Celery."""

from __future__ import annotations

from typing import TypeVar

from runs.lifecycle.claim import claim_next
from runs.lifecycle.worker import Work, work_on_claimed
from runs.models import Run
from runs.models.audit import Actor

WORKER = "benchmark"
R = TypeVar("R", bound=Run)


def claim_only(model: type[R]) -> R:
    """Claim the next run of this type: there is one."""
    run = claim_next(model.queue, worker=WORKER, task_id="benchmark", types=[model])
    assert isinstance(run, model), f"no {model.slug} was claimable"
    return run


def work_on_next(model: type[R], work: Work[R]) -> None:
    work_on_claimed(claim_only(model), work, Actor("worker", WORKER))

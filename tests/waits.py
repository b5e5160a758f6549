"""Runs that give their slot back while they wait: let the time pass, and let further attempts take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db.models.functions import Now

from runs.models import Run
from runs.progress import Progress
from runs.readers.verdict import VerdictCode, verdict_of
from runs.states import Status
from tests.actors import work_through

R = TypeVar("R", bound=Run)


def is_waiting_in_queue(run: Run, reason: str) -> bool:
    """Has the run, as `read_run` returns it, given its slot back, and does it say why?"""
    verdict = verdict_of(run)
    return (
        run.status == Status.QUEUED
        and run.waiting_until is not None
        and verdict.code == VerdictCode.WAITING
        and verdict.message.startswith(f"{reason.rstrip('.')}, until ")
    )


def end_wait(run: Run) -> None:
    """As if its time had come."""
    type(run).objects.filter(pk=run.pk, status=Status.QUEUED).update(waiting_until=Now())


def work_on_after_wait(run: R, work: Callable[[R, Progress], None]) -> R:
    end_wait(run)
    return work_through(run, work)


def work_on_until_it_ends(run: R, work: Callable[[R, Progress], None], *, attempts: int = 50) -> R:
    """Attempt after attempt, without the waits between them; the run as readers see it afterwards."""
    for _attempt in range(attempts):
        run = work_on_after_wait(run, work)
        if not run.is_active:
            return run
    raise AssertionError(f"The run never ends: {verdict_of(run)}")

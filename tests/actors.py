"""Steps that tests of the core share: queued and claimed runs, work in this process, old heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

from django.db.models.functions import Now

from runs.lifecycle import dispatch
from runs.models import Business, Run
from runs.progress import Progress
from runs.readers.verdict import fetch_repaired
from tests.claims import claim_run, work_on
from tests.contract.models import CountingRun

R = TypeVar("R", bound=Run)


def start_counting(business: Business) -> CountingRun:
    """A run of the tests' own type in the queue."""
    return dispatch.start(CountingRun, business)


def claim_counting(business: Business) -> CountingRun:
    """A run of the tests' own type, claimed by a worker that sends no heartbeat."""
    run = claim_run(start_counting(business))
    assert run is not None
    return run


def work_through(run: R, work: Callable[[R, Progress], None]) -> R:
    """Let this process be the worker that works on the run; return it as readers see it afterwards."""
    work_on(run, work)
    return read_run(run)


def read_run(run: R) -> R:
    """Read the run as every reader does: expired first where it is overdue."""
    [repaired] = fetch_repaired(type(run).objects.filter(pk=run.pk).with_ages())
    return cast("R", repaired)


def age_heartbeat(run: Run, seconds: int) -> None:
    """Put the last heartbeat this far into the past, by the database's clock."""
    type(run).objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))

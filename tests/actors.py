"""Steps that tests of the core share: runs in the queue and claimed, work that runs in this process, old heartbeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

from django.db.models.functions import Now

from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import dispatch, worker
from runs.models import Business, Run
from runs.progress import Progress
from runs.readers.verdict import fetch_repaired
from tests.contract.models import CountingRun

R = TypeVar("R", bound=Run)


def start_sync(mailbox: Mailbox) -> ReceiptSyncRun:
    """A run in the queue."""
    return dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox)


def claim_sync(mailbox: Mailbox) -> ReceiptSyncRun:
    """A run that was claimed by a worker which sends no heartbeat."""
    run = worker.claim(ReceiptSyncRun, start_sync(mailbox).pk, worker="worker@test", task_id="task")
    assert run is not None
    return run


def start_counting(business: Business) -> CountingRun:
    """A run of the tests' own type in the queue."""
    return dispatch.start(CountingRun, business)


def claim_counting(business: Business) -> CountingRun:
    """A run of the tests' own type, claimed by a worker that sends no heartbeat."""
    run = worker.claim(CountingRun, start_counting(business).pk, worker="worker@test", task_id="task")
    assert run is not None
    return run


def work_through(run: R, work: Callable[[R, Progress], None]) -> R:
    """Let a worker of this process take the run; the run as readers see it afterwards."""
    worker.execute(type(run), work, run.pk, worker="worker@test", task_id="task")
    return read_run(run)


def read_run(run: R) -> R:
    """The run as every reader sees it, after read-repair."""
    [repaired] = fetch_repaired(type(run).objects.filter(pk=run.pk).with_ages())
    return cast("R", repaired)


def silence(run: Run, seconds: int) -> None:
    """Put the last heartbeat this far into the past, by the database's clock."""
    type(run).objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))

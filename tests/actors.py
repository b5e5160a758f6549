"""Small deeds that tests of the core share: work that runs in this process, and silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

from django.db.models.functions import Now

from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import dispatch, worker
from runs.models import Run
from runs.progress import Progress
from runs.readers.verdict import fetch_repaired

R = TypeVar("R", bound=Run)


def started(mailbox: Mailbox) -> ReceiptSyncRun:
    """A run in the queue."""
    return dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox)


def claimed(mailbox: Mailbox) -> ReceiptSyncRun:
    """A run held by a worker that is not heard from again."""
    run = worker.claim(ReceiptSyncRun, started(mailbox).pk, worker="worker@test", task_id="task")
    assert run is not None
    return run


def work_through(run: R, work: Callable[[R, Progress], None]) -> R:
    """Let a worker of this process take the run; the run as readers see it afterwards."""
    worker.execute(type(run), work, run.pk, worker="worker@test", task_id="task")
    return seen(run)


def seen(run: R) -> R:
    """The run as every reader is told of it."""
    [told] = fetch_repaired(type(run).objects.filter(pk=run.pk).with_ages())
    return cast("R", told)


def silence(run: Run, seconds: int) -> None:
    """Put the last heartbeat this far into the past, by the database's clock."""
    type(run).objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))

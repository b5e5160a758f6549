"""Start runs, and wake the queues that they wait in.

The row is the truth and the message only a hint: it wakes a worker, which claims the next run of the queue, whichever
that is. Workers with a free slot look for runs by themselves as well (`queue_watch`), so a message may be lost, doubled
or late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar, cast

import stamina
from celery import current_app
from django.contrib.auth.models import User
from django.db import Error, IntegrityError, models, transaction
from django.db.models.functions import Now

from ..database import discard_connection, is_database_away
from ..exceptions import ActiveRunExists, WrongStatus
from ..models import Business, Run, RunItem, RunQuerySet
from ..models.audit import Actor, audit_context
from ..models.queue_snapshot import has_claimable
from ..states import ErrorCode, Status
from .broker_calls import call_broker
from .slots import make_room
from .start_quota import take_start_permit

R = TypeVar("R", bound=Run)

logger = logging.getLogger(__name__)

COPY_BATCH = 1000
KILL_SECONDS = 300  # for so long the order to kill a hung task is repeated
WORK_TASK = "runs.work_on_queue"  # the one task, of all types: which run it works on is decided when it claims


# The unique index refused the row, but the run that it conflicts with may have ended before it could be read.
_retry_on_conflict = stamina.retry(on=IntegrityError, attempts=3, wait_initial=0, wait_jitter=0)


@_retry_on_conflict
def start(
    model: type[R],
    business: Business,
    *,
    created_by: User | None = None,
    idempotency_key: str = "",
    **fields: Any,
) -> R:
    """Make a queued run and wake its queue after the commit, or return the one that this key made before.

    Raises `ActiveRunExists`, carrying that run, when the type is exclusive and one is active; `StartQuotaReached`.
    """
    rows = cast("RunQuerySet[R]", model.objects.filter(business=business))
    same_key = rows.filter(idempotency_key=idempotency_key or None)
    if idempotency_key and (earlier := same_key.first()):
        return earlier
    if model.exclusive:  # an overdue run must not block its business
        rows.repair()
    try:
        with transaction.atomic(), audit_context(Actor.user(created_by), "started"):
            run = rows.create(business=business, created_by=created_by, idempotency_key=idempotency_key, **fields)
            take_start_permit(model, business.pk)
            transaction.on_commit(partial(wake_after_start, model.queue))
    except IntegrityError:
        if earlier := same_key.first():
            return earlier
        refuse_beside_active(model, business)
        raise
    return run


def refuse_beside_active(model: type[Run], business: Business) -> None:
    """Raise `ActiveRunExists` if an exclusive type has an active run, which may have ended meanwhile."""
    if model.exclusive and (active := model.objects.active().filter(business=business).first()):
        raise ActiveRunExists(active)


@_retry_on_conflict
def reopen(run: Run, actor: Actor, reason: str, *, counts_as_start: bool = False) -> None:
    """Send a paused, failed or cancelled run back to the queue, to go on from its cursor.

    Raises `WrongStatus`, or `ActiveRunExists` when an exclusive type is busy with another run; `StartQuotaReached`.
    """
    model = type(run)
    rows = model.objects.filter(pk=run.pk)
    if model.exclusive:
        model.objects.filter(business=run.business_id).repair()
    _end_hung_before_next_attempt(rows)
    try:
        with transaction.atomic(), audit_context(actor, reason):
            reopened = rows.exclude(status=Status.RUNNING).requeue(losses=0, **model.when_reopened)
            if reopened and counts_as_start:
                take_start_permit(model, run.business_id)
            transaction.on_commit(partial(wake_after_start, model.queue))
    except IntegrityError:
        refuse_beside_active(model, run.business)
        raise
    if not reopened:
        raise WrongStatus


def retry_failed(run: R, created_by: User | None) -> R:
    """Start a new run of the failed items only; the finished one stays as it is.

    The new run holds those items as pending. Raises `WrongStatus` when none failed or the run is
    still active, `ActiveRunExists` when an exclusive type is busy, `StartQuotaReached`.
    """
    return retry_items(run, run.failed_items, created_by)


def retry_items(run: R, choose: Callable[[], models.QuerySet[RunItem]], created_by: User | None) -> R:
    """Start a new run of the items that `choose` finds while no other retry of this run is under way.

    Raises like `retry_failed`.
    """
    with transaction.atomic():
        type(run).objects.select_for_update().get(pk=run.pk)
        chosen = choose()
        if run.is_active:
            raise WrongStatus
        if not chosen.exists():
            raise WrongStatus(run.nothing_to_retry())
        again = start(type(run), run.business, created_by=created_by, **run.retry_fields())
        copies = (chosen.model(**{"run": again, **item.retry_fields()}) for item in chosen.iterator())
        while batch := list(islice(copies, COPY_BATCH)):
            chosen.model._default_manager.bulk_create(batch)
    return again


def wake_queue(queue: str, messages: int = 1, *, level: int = logging.WARNING) -> bool:
    """Wake as many workers of the queue; False while the broker is away, which is logged at this level."""
    for _message in range(messages):
        try:
            call_broker(current_app.send_task, WORK_TASK, args=[queue], queue=queue)
        except Exception as error:
            # Whatever fails in whichever broker: the message is lost, and the rows are still queued.
            logger.log(level, "Could not wake the queue %s: %r", queue, error)
            return False
    return True


def wake_if_claimable(queue: str, messages: int = 1) -> bool:
    """Wake the queue if it has runs to claim. False where it has none, or the broker is away.

    Where a limit holds them back, the message finds nothing to claim.
    """
    return has_claimable(queue) and wake_queue(queue, messages)


def make_room_and_wake(queue: str, *, level: int = logging.WARNING) -> None:
    """The run that leaves its slot wakes its own queue, which may be another: so this one is woken for it here."""
    if asked := make_room(queue):
        wake_queue(queue, asked, level=level)


def wake_after_start(queue: str) -> None:
    """Called after the commit of a start. It is answered even where the database goes away just now."""
    wake_queue(queue)
    try:
        make_room_and_wake(queue)
    except Error as error:
        if not is_database_away(error):
            raise
        discard_connection()


def end_waits(rows: RunQuerySet[Any]) -> int:
    """End the wait of the runs among these that wait in the queue until a later time. Returns how many.

    Called in a transaction, it takes effect with its commit.
    """
    waiting = list(rows.filter(status=Status.QUEUED, waiting_until__gt=Now()))
    for run in waiting:
        row = rows.model.objects.filter(pk=run.pk, status=Status.QUEUED)
        row.update(queued_at=Now(), waiting_until=None, waiting_reason="", version=models.F("version") + 1)
    if waiting:
        transaction.on_commit(partial(wake_queue, rows.model.queue, len(waiting)))
    return len(waiting)


def end_hung_tasks(rows: RunQuerySet[R]) -> int:
    """Kill the tasks of runs that were expired, or reset without a recent heartbeat, to free their workers' slots.

    A task that isn't hung needs no kill: its next write raises `RunLost`, and it ends by itself. The message is sent
    again until the worker has killed it, for a while: one that has just lost its broker misses it, and would lose the
    slot for good.
    """
    failed = rows.filter(status=Status.FAILED, error_code__in=(ErrorCode.STALE, ErrorCode.RESET))
    hung = failed.without_heartbeat_for(rows.model.stale_after()).exclude(task_id="")
    tasks = dict(hung.values_list("pk", "task_id"))
    if tasks:
        call_broker(current_app.control.revoke, list(tasks.values()), terminate=True, signal="SIGKILL")
        sent_long_enough = rows.filter(pk__in=tasks, finished_at__lt=Now() - timedelta(seconds=KILL_SECONDS))
        sent_long_enough.filter(task_id__in=tasks.values()).update(task_id="")
    return len(tasks)


def _end_hung_before_next_attempt(rows: RunQuerySet[R]) -> None:
    """Kill a hung task before the next claim overwrites its id: the sweep may not have had a round yet."""
    try:
        end_hung_tasks(rows)
    except Exception as error:
        logger.warning("Could not end the task of a hung %s: %r", rows.model.slug, error)

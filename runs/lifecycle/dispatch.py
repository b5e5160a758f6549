"""Start a run, publish it, publish it again.

The row is the truth and the message only a hint: when the broker loses a message or is away, the sweep finds the queued
row and publishes it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, TypeVar, cast

import stamina
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Coalesce, Now

from ..exceptions import ActiveRunExists, WrongState
from ..models import Business, Run, RunItem, RunQuerySet
from ..models.audit import Actor, audit_context
from ..states import ErrorCode, Status
from .broker_calls import call_broker

R = TypeVar("R", bound=Run)

logger = logging.getLogger(__name__)

REPUBLISH_BATCH = 500  # a round
COPY_BATCH = 1000


def task_name(model: type[Run]) -> str:
    return f"runs.{model.slug}"


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
    """Make a queued run and publish it after the commit, or return the one that this key made before.

    Raises `ActiveRunExists`, carrying that run, when the type is exclusive and one is active.
    """
    rows = cast("RunQuerySet[R]", model.objects.filter(business=business))
    same_key = rows.filter(idempotency_key=idempotency_key or None)
    with transaction.atomic():
        if earlier := same_key.first():
            return earlier
        if model.exclusive:  # an overdue run must not block its business
            rows.repair()
        try:
            with transaction.atomic(), audit_context(Actor.user(created_by), "started"):
                run = rows.create(
                    business=business,
                    created_by=created_by,
                    idempotency_key=idempotency_key,
                    **fields,
                )
        except IntegrityError:
            if earlier := same_key.first():
                return earlier
            refuse_beside_active(model, business)
            raise
        transaction.on_commit(partial(publish, run))
    return run


def refuse_beside_active(model: type[Run], business: Business) -> None:
    """Raise `ActiveRunExists` if an exclusive type has an active run, which may have ended meanwhile."""
    if model.exclusive and (active := model.objects.active().filter(business=business).first()):
        raise ActiveRunExists(active)


@_retry_on_conflict
def reopen(run: Run, actor: Actor, reason: str) -> None:
    """Send a paused, failed or cancelled run back to the queue, to go on from its cursor.

    Raises `WrongState`, or `ActiveRunExists` when an exclusive type is busy with another run.
    """
    model = type(run)
    rows = model.objects.filter(pk=run.pk)
    if model.exclusive:
        model.objects.filter(business=run.business_id).repair()
    _end_hung_before_next_attempt(rows)
    try:
        with transaction.atomic(), audit_context(actor, reason):
            reopened = rows.exclude(status=Status.RUNNING).requeue(losses=0)
            transaction.on_commit(partial(publish, run))
    except IntegrityError:
        refuse_beside_active(model, run.business)
        raise
    if not reopened:
        raise WrongState


def retry_failed(run: R, created_by: User | None) -> R:
    """Start a new run of the failed items only; the finished one stays as it is.

    The new run holds those items as pending. Raises `WrongState` when none failed or the run is
    still active, `ActiveRunExists` when an exclusive type is busy.
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
            raise WrongState
        if not chosen.exists():
            raise WrongState(run.nothing_to_retry())
        again = start(type(run), run.business, created_by=created_by, **run.retry_fields())
        copies = (chosen.model(**{"run": again, **item.retry_fields()}) for item in chosen.iterator())
        while batch := list(islice(copies, COPY_BATCH)):
            chosen.model._default_manager.bulk_create(batch)
    return again


def publish(run: Run) -> bool:
    """Send the task message. The sweep does it later while the broker is away (which is logged), or the run waits."""
    queued = type(run).objects.filter(pk=run.pk).claimable()
    if not queued.update(dispatched_at=Now(), dispatches=models.F("dispatches") + 1):
        return True  # it was claimed or ended meanwhile, or it waits until a later time
    try:
        call_broker(current_app.send_task, task_name(type(run)), args=[run.pk], queue=run.queue)
    except Exception as error:
        # Whatever fails in whichever broker: the message is lost, and the row is still queued.
        logger.warning("Could not publish %s %s: %r", run.slug, run.pk, error)
        return False
    return True


def end_waits(rows: RunQuerySet[Any]) -> int:
    """End the wait of the runs among these that wait in the queue until a later time. Returns how many.

    Called in a transaction, it takes effect with its commit.
    """
    waiting = list(rows.filter(status=Status.QUEUED, waiting_until__gt=Now()))
    for run in waiting:
        row = rows.model.objects.filter(pk=run.pk, status=Status.QUEUED)
        row.update(waiting_until=None, waiting_reason="", version=models.F("version") + 1)
        transaction.on_commit(partial(publish, run))
    return len(waiting)


def _republish_before() -> models.Func:
    """A message sent before this moment counts as lost: a minute ago, doubled by each dispatch, an hour at most."""
    return models.Func(
        models.F("dispatches"),
        template=(
            "statement_timestamp() - LEAST(interval '1 hour',"
            " interval '%(first)s seconds' * power(2, LEAST(GREATEST(%(expressions)s - 1, 0), 10)))"
        ),
        first=int(settings.RUNS_REPUBLISH_AFTER_SECONDS),
        output_field=models.DateTimeField(),
    )


def end_hung_tasks(rows: RunQuerySet[R]) -> int:
    """Kill the tasks of runs that were expired, or reset without a recent heartbeat, to free their workers' slots.

    A task that isn't hung needs no kill: its next write raises `RunLost`, and it ends by itself.
    """
    failed = rows.filter(status=Status.FAILED, error_code__in=(ErrorCode.STALE, ErrorCode.RESET))
    hung = failed.silent_for(rows.model.stale_after()).exclude(task_id="")
    tasks = dict(hung.values_list("pk", "task_id"))
    if tasks:
        call_broker(current_app.control.revoke, list(tasks.values()), terminate=True, signal="SIGKILL")
        rows.filter(pk__in=tasks, task_id__in=tasks.values()).update(task_id="")
    return len(tasks)


def _end_hung_before_next_attempt(rows: RunQuerySet[R]) -> None:
    """Kill a hung task before the next claim overwrites its id: the sweep may not have had a round yet."""
    try:
        end_hung_tasks(rows)
    except Exception as error:
        logger.warning("Could not end the task of a hung %s: %r", rows.model.slug, error)


def publish_forgotten(model: type[Run]) -> int:
    """Publish again the runs that nobody has claimed since their last message; the number of messages sent."""
    waited = models.Q(dispatched_at=None, waiting_until__lte=Now())  # its time has come since the last round
    forgotten = (
        model.objects.claimable()
        .annotate(published_at=Coalesce("dispatched_at", "queued_at"))
        .filter(waited | models.Q(published_at__lt=_republish_before()))
        .order_by("queued_at")[:REPUBLISH_BATCH]
    )
    sent = 0
    for run in forgotten:
        if not publish(run):
            break  # the broker is away for the others too
        sent += 1
    return sent

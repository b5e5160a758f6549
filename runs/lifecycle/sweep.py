"""The periodic round that expires, ends and publishes again. Beat requests it, on a queue and worker of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_noop

from ..database import discard_connection, is_outage
from ..models import Run, Sweep, run_types
from ..models.audit import SWEEP, audit_context
from ..states import ErrorCode, Status, StopRequest
from ..throttling import forget_paid
from .dispatch import end_hung_tasks, publish_forgotten

logger = logging.getLogger(__name__)

MISSED_ROUNDS = 3  # after so many the sweep itself counts as dead


def sweep() -> bool:
    """Do one round over every run type; False while another round is under way.

    A step of a type that fails is logged, and the others go on.
    """
    if not _take_lease():
        return False
    for model in run_types():
        for step in (expire_stale, end_hung, fail_untaken, publish_forgotten, share_slots):
            _run_step(step, model)
    _forget_paid_throttles()
    Sweep.objects.update(finished_at=Now())
    return True


def _take_lease() -> bool:
    """By the row and not by a lock of the session, which a pooler doesn't keep. After a crash it ends by its age."""
    Sweep.objects.get_or_create(pk=1)
    at_work = models.Q(started_at__gt=models.F("finished_at")) | models.Q(finished_at=None)
    recent = models.Q(started_at__gt=Now() - timedelta(seconds=2 * settings.RUNS_SWEEP_INTERVAL_SECONDS))
    return bool(Sweep.objects.exclude(at_work & recent).update(started_at=Now()))


def _run_step(step: Callable[[type[Run]], int], model: type[Run]) -> None:
    try:
        step(model)
    except Exception as error:
        _log_failure(error, f"{step.__name__} of {model.slug}")


def _forget_paid_throttles() -> None:
    try:
        forget_paid()
    except Exception as error:
        _log_failure(error, "forgetting throttles")


def _log_failure(error: Exception, step: str) -> None:
    """A step isn't to blame where the database went away; the next one opens a new connection."""
    if is_outage(error):
        logger.warning("Sweep: %s waits for the database: %s", step, error)
        discard_connection()
    else:
        logger.exception("Sweep: %s failed", step)


def expire_stale(model: type[Run]) -> int:
    return model.objects.all().expire(SWEEP)


def end_hung(model: type[Run]) -> int:
    return end_hung_tasks(model.objects.all())


def fail_untaken(model: type[Run]) -> int:
    """Give up on runs that no worker took in time (a setting; None: never)."""
    if settings.RUNS_QUEUE_TIMEOUT_SECONDS is None:
        return 0
    longest = timedelta(seconds=settings.RUNS_QUEUE_TIMEOUT_SECONDS)
    with audit_context(SWEEP, "queue timeout"):
        untaken = model.objects.claimable().annotate(since=Greatest("queued_at", "waiting_until"))
        return untaken.filter(since__lt=Now() - longest).fail(
            ErrorCode.QUEUE_TIMEOUT, gettext_noop("No worker took the run in time.")
        )


def share_slots(model: type[Run]) -> int:
    """Interrupt runs that had their time slice, one for each run that waits for their queue."""
    if settings.RUNS_TIME_SLICE_SECONDS is None:
        return 0
    sharing = [other for other in run_types() if other.queue == model.queue]
    waiting = sum(other.objects.claimable().count() for other in sharing)
    time_slice = timedelta(seconds=settings.RUNS_TIME_SLICE_SECONDS)
    had_slice = model.objects.filter(status=Status.RUNNING, requested="", claimed_at__lt=Now() - time_slice)
    oldest = had_slice.order_by("claimed_at").values_list("pk", flat=True)[:waiting]
    return model.objects.filter(pk__in=list(oldest)).request_stop(StopRequest.INTERRUPT)


def seconds_since_sweep() -> float | None:
    """How long ago the last round finished; None when there never was one."""
    age = Sweep.objects.annotate(age=models.functions.Extract(Now() - models.F("finished_at"), "epoch")).values_list(
        "age", flat=True
    )
    return next(iter(age), None)


def is_watching() -> bool:
    age = seconds_since_sweep()
    return age is not None and age < MISSED_ROUNDS * settings.RUNS_SWEEP_INTERVAL_SECONDS

"""The periodic round that expires and ends runs and wakes queues. Beat requests it, on a worker of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_noop

from ..database import discard_connection, is_outage
from ..models import BusinessQueue, Run, Sweep, Worker, run_types
from ..models.audit import SWEEP, audit_context
from ..models.queue_snapshot import fetch_snapshot, queues
from ..states import ErrorCode
from ..throttling import delete_expired_rows
from .dispatch import end_hung_tasks, make_room_and_wake, wake_if_claimable
from .figures import add_up_changes, count_history

T = TypeVar("T")

logger = logging.getLogger(__name__)

SWEEP_QUEUE = "control"
MISSED_ROUNDS = 3  # after so many the sweep itself counts as dead
LEASE_ROUNDS = 1.5  # after so many a round that hasn't finished counts as crashed


def sweep() -> bool:
    """Do one round over every run type and queue; False while another round is under way.

    A step that fails is logged, and the others go on.
    """
    if not _take_lease():
        return False
    for model in run_types():
        for step in (expire_stale, end_hung, fail_untaken):
            _run_step(step, model, model.slug)
    for queue in queues():
        for queue_step in (wake_workers, make_room_and_wake):
            _run_step(queue_step, queue, queue)
    for chore in (delete_expired_rows, forget_lost_workers, add_up_changes, count_history):
        _do_chore(chore)
    Sweep.objects.update(finished_at=Now())
    return True


def _take_lease() -> bool:
    """By the row and not by a lock of the session, which a pooler doesn't keep. After a crash it ends by its age.

    That is before the missed rounds are noticed (`is_sweep_on_time`): the next one still comes in time.
    """
    Sweep.objects.get_or_create(pk=1)
    at_work = models.Q(started_at__gt=models.F("finished_at")) | models.Q(finished_at=None)
    recent = models.Q(started_at__gt=Now() - timedelta(seconds=LEASE_ROUNDS * settings.RUNS_SWEEP_INTERVAL_SECONDS))
    return bool(Sweep.objects.exclude(at_work & recent).update(started_at=Now()))


def _run_step(step: Callable[[T], object], subject: T, name: str) -> None:
    try:
        step(subject)
    except Exception as error:
        _log_failure(error, f"{step.__name__} of {name}")


def _do_chore(chore: Callable[[], object]) -> None:
    try:
        chore()
    except Exception as error:
        _log_failure(error, chore.__name__)


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
    """Give up on runs that no worker took in time (a setting; None: never).

    Where the business was served within that time, its runs wait for one another or for a limit, and not for a worker.
    """
    if settings.RUNS_QUEUE_TIMEOUT_SECONDS is None:
        return 0
    longest = timedelta(seconds=settings.RUNS_QUEUE_TIMEOUT_SECONDS)
    waiting = model.objects.claimable().annotate(since=Greatest("queued_at", "waiting_until"))
    untaken = waiting.filter(since__lt=Now() - longest)
    if not untaken.exists():
        return 0
    served = BusinessQueue.objects.filter(queue=model.queue, served_at__gte=Now() - longest)
    unserved = untaken.exclude(business__in=served.values("business")).exclude(business__in=held_back(model))
    with audit_context(SWEEP, "queue timeout"):
        return unserved.fail(ErrorCode.QUEUE_TIMEOUT, gettext_noop("No worker took the run in time."))


def held_back(model: type[Run]) -> list[int]:
    """The businesses whose runs of this type wait for a limit, and not for a worker."""
    snapshot = fetch_snapshot(model.queue, [model])
    return [head.business for head in snapshot.heads if snapshot.limit_reached(head.business, model.slug)]


def wake_workers(queue: str) -> None:
    """Workers look for runs by themselves; this is for the case that they can't just now.

    Without a worker that takes them, messages would only fill the broker.
    """
    if Worker.objects.alive().serving(queue).exists():
        wake_if_claimable(queue)


def forget_lost_workers() -> None:
    """Delete the rows of workers that were last announced a day ago. One that wakes up announces itself again."""
    Worker.objects.forgotten().delete()


def seconds_since_sweep() -> float | None:
    """How long ago the last round finished; None when there never was one."""
    age = Sweep.objects.annotate(age=models.functions.Extract(Now() - models.F("finished_at"), "epoch")).values_list(
        "age", flat=True
    )
    return next(iter(age), None)


def is_sweep_on_time() -> bool:
    age = seconds_since_sweep()
    return age is not None and age < MISSED_ROUNDS * settings.RUNS_SWEEP_INTERVAL_SECONDS

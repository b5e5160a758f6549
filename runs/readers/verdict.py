"""The verdict that readers are shown for a run, by the database's clock, and read-repair.

All readers get their runs from `fetch_repaired()`, which expires overdue ones first, so none shows an active
status for a run whose heartbeat is older than its threshold (G1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from ..durations import DAY, HOUR, MINUTE
from ..models import Business, Run, RunQuerySet, statements
from ..models.audit import READER
from ..states import ErrorCode, Status
from ..stored_text import translate_stored
from .queue_place import NO_PLACE, attach_queue_places, place_evidence, place_message

R = TypeVar("R", bound=Run)

QUIET_AFTER = 60  # seconds without a heartbeat
NOT_ADVANCING_AFTER = 120  # seconds without a finished item
# The largest unit first, in seconds, and the name of its placeholder. Fewer than two minutes are written as seconds.
STALE_MESSAGES = (
    (
        DAY,
        "days",
        ngettext_lazy(
            "The task has not been updated for %(days)d day",
            "The task has not been updated for %(days)d days",
            "days",
        ),
    ),
    (
        HOUR,
        "hours",
        ngettext_lazy(
            "The task has not been updated for %(hours)d hour",
            "The task has not been updated for %(hours)d hours",
            "hours",
        ),
    ),
    (
        MINUTE,
        "minutes",
        ngettext_lazy(
            "The task has not been updated for %(minutes)d minute",
            "The task has not been updated for %(minutes)d minutes",
            "minutes",
        ),
    ),
)


class VerdictCode(models.TextChoices):
    WAITING_FOR_WORKER = "waiting_for_worker", _("Waiting for a worker")
    WORKING = "working", _("Working")
    QUIET = "quiet", _("Quiet")
    NOT_ADVANCING = "not_advancing", _("Not advancing")
    WAITING = "waiting", _("Waiting")
    STALE = "stale", _("Stuck - no updates")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


@dataclass(frozen=True)
class Verdict:
    code: VerdictCode
    label: str
    message: str
    evidence: dict[str, Any]


def fetch_repaired(rows: RunQuerySet[R]) -> list[R]:
    """The runs, after the overdue ones were expired, and with their places in the queue. `rows` may be sliced."""
    return show_repaired(list(rows), lambda: list(rows.all()))


def fetch_one_repaired(rows: RunQuerySet[R]) -> R | None:
    """The run, if there is one."""
    return next(iter(fetch_repaired(rows)), None)


def show_repaired(runs: list[R], fetch_again: Callable[[], list[R]]) -> list[R]:
    """The runs, of any types, repaired: fetched again where one of them is overdue, after it was expired."""
    if any(map(is_overdue, runs)):
        expire_overdue(runs)
        runs = fetch_again()
    for run in runs:
        if is_overdue(run):  # its row was locked, or the database is read-only: show it as failed anyway
            _show_as_expired(run)
    attach_queue_places(runs)
    attach_zones(runs)
    return runs


def attach_zones(runs: Iterable[Run]) -> None:
    """Fill in the `zone_name` of those whose message names a time: one query, where there are some."""
    waiting = [run for run in runs if run.waiting_until]
    if not waiting:
        return
    businesses = Business.objects.filter(pk__in={run.business_id for run in waiting})
    zones = dict(businesses.values_list("pk", "time_zone"))
    for run in waiting:
        run.zone_name = zones.get(run.business_id)


def expire_overdue(runs: Iterable[Run]) -> None:
    """Where the database takes no writes, nothing happens."""
    overdue: dict[type[Run], list[int]] = {}
    for run in runs:
        if is_overdue(run):
            overdue.setdefault(type(run), []).append(run.pk)
    for model, pks in overdue.items():
        model.objects.filter(pk__in=pks).expire_if_writable(READER)


def is_overdue(run: Run) -> bool:
    """Is it `running` in the table though its heartbeat is older than its threshold?"""
    if run.status != Status.RUNNING or run.heartbeat_age is None:
        return False
    silence_is_declared = run.silence_left is not None and run.silence_left > 0
    return run.heartbeat_age > run.stale_after().total_seconds() and not silence_is_declared


def _show_as_expired(run: Run) -> None:
    run.status = Status.FAILED
    run.error_code = ErrorCode.STALE
    run.error_message = statements.STALE_MESSAGE % int(run.heartbeat_age or 0)


def is_stale(run: Run) -> bool:
    return run.status == Status.FAILED and run.error_code == ErrorCode.STALE


def verdict_of(run: Run) -> Verdict:
    """The verdict on a run that came from `fetch_repaired()`."""
    code = verdict_code(run)
    return Verdict(code, verdict_label(run, code), verdict_message(run, code), verdict_evidence(run))


def verdict_in_own_zone(run: Run) -> Verdict:
    """As `verdict_of`, with times in the zone of the run's reader instead of the active one."""
    with timezone.override(run.zone) if run.waiting_until else nullcontext():
        return verdict_of(run)


def verdict_code(run: Run) -> VerdictCode:
    if is_stale(run):
        return VerdictCode.STALE
    if run.status in (Status.QUEUED, Status.RUNNING) and run.seconds_to_wait:
        return VerdictCode.WAITING
    if run.status == Status.QUEUED:
        return VerdictCode.WAITING_FOR_WORKER
    if run.status != Status.RUNNING:
        return VerdictCode(run.status)
    if run.silence_left and run.silence_left > 0:
        return VerdictCode.WORKING
    if (run.heartbeat_age or 0) > QUIET_AFTER:
        return VerdictCode.QUIET
    if (run.progress_age or 0) > NOT_ADVANCING_AFTER:
        return VerdictCode.NOT_ADVANCING
    return VerdictCode.WORKING


def verdict_label(run: Run, code: VerdictCode) -> str:
    """Nobody should take a run for a full success of which something failed, or has an unknown outcome."""
    if code == VerdictCode.COMPLETED and run.failed:
        return ngettext("Completed with %(n)d failure", "Completed with %(n)d failures", run.failed) % {"n": run.failed}
    if code == VerdictCode.COMPLETED and run.unknown > 0:
        return ngettext(
            "Completed with %(n)d unknown outcome", "Completed with %(n)d unknown outcomes", run.unknown
        ) % {"n": run.unknown}
    return str(code.label)


def verdict_message(run: Run, code: VerdictCode) -> str:
    if code == VerdictCode.STALE:
        return stale_message(int(run.heartbeat_age or 0), run.stale_after().total_seconds())
    if code == VerdictCode.WAITING and run.waiting_until:
        return gettext("%(reason)s, until %(time)s") % {
            "reason": translate_stored(run.waiting_reason).rstrip("."),
            "time": format_wait_end(run),
        }
    if code == VerdictCode.WAITING_FOR_WORKER and run.queue_place:
        return place_message(run.queue_place)
    return translate_stored(run.error_message)


def stale_message(seconds: int, threshold: float) -> str:
    """In the largest unit of which there are two or more, unless rounding down to it falls below the threshold."""
    for unit, name, message in STALE_MESSAGES:
        count = seconds // unit
        if count >= 2 and count * unit >= threshold:
            return message % {name: count}
    return ngettext(
        "The task has not been updated for %(seconds)d second",
        "The task has not been updated for %(seconds)d seconds",
        seconds,
    ) % {"seconds": seconds}


def format_wait_end(run: Run) -> str:
    """The time of day, with the date when it isn't today."""
    until = timezone.localtime(run.waiting_until)
    is_today = until.date() == timezone.localtime(run.server_now).date()
    return date_format(until, "TIME_FORMAT" if is_today else "SHORT_DATETIME_FORMAT")


def verdict_evidence(run: Run) -> dict[str, Any]:
    return {
        "seconds_since_heartbeat": run.heartbeat_age,
        "seconds_since_progress": run.progress_age,
        "stale_after_seconds": run.stale_after().total_seconds(),
        "attempt": run.attempt,
        "worker": run.worker,
        "seconds_to_wait": run.seconds_to_wait,
        "seconds_in_queue": run.queue_age if run.status == Status.QUEUED else None,
        **place_evidence(run.queue_place or NO_PLACE),
    }


def eta_seconds(run: Run) -> int | None:
    """Seconds to the end by the run's estimate; None without one."""
    if run.status != Status.RUNNING or run.eta is None or not isfinite(run.eta):
        return None
    return round(max(0.0, run.eta - (run.heartbeat_age or 0)) + (run.seconds_to_wait or 0))

"""The figures of the operator's home: how much is under way, what is in trouble, and what keeps it all going."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from celery import current_app
from django.db.models import Count, F, Max, Q, Sum
from django.db.models.functions import Coalesce, Extract, Greatest, Now
from django.utils.translation import gettext as _

from ..lifecycle.broker_calls import call_broker
from ..lifecycle.sweep import MISSED_ROUNDS, is_watching, seconds_since_sweep
from ..models import Run, Worker, run_types
from ..numbers import format_number
from ..readers.humanize import format_age, format_duration
from ..readers.verdict import NOT_ADVANCING_AFTER, QUIET_AFTER
from ..states import FINISHED, ErrorCode, Status
from .metrics import count_workers

DAY: Final = timedelta(hours=24)
GOOD, WARNING, BAD = "good", "warning", "bad"


@dataclass(frozen=True)
class Figure:
    """One number and what it means. `runs` are the filters of the list of runs behind it, of `worst_type` most."""

    name: str
    label: str
    value: str
    note: str = ""
    tone: str = ""
    runs: dict[str, str] = field(default_factory=dict)
    worst_type: str = ""


@dataclass(frozen=True)
class Counts:
    """Of each type, by slug."""

    by_type: dict[str, Counter[str]]
    oldest_wait: float  # seconds

    def sum(self, name: str) -> int:
        return sum(counts[name] for counts in self.by_type.values())

    def worst(self, name: str) -> str:
        return max(self.by_type, key=lambda slug: self.by_type[slug][name])

    def figure(self, name: str, label: str, note: str = "", tone: str = "", **runs: str) -> Figure:
        """The tone is for a number above zero."""
        number = self.sum(name)
        return Figure(
            name,
            label,
            format_number(number),
            note,
            tone if number else "",
            runs,
            self.worst(name),
        )


@dataclass(frozen=True)
class Standing:
    """What the figures are made of, before it is put into words."""

    counts: Counts
    sweep_age: float | None
    is_sweeping: bool
    workers: int  # alive
    workers_by_queue: dict[str, int]
    is_broker_reachable: bool


def read_standing() -> Standing:
    """Two queries for each type and four more, however many runs there are."""
    return Standing(
        counts=count_runs(),
        sweep_age=seconds_since_sweep(),
        is_sweeping=is_watching(),
        workers=Worker.objects.alive().count(),
        workers_by_queue=count_workers(),
        is_broker_reachable=is_broker_reachable(),
    )


def build_figures(standing: Standing) -> list[Figure]:
    """In the active language."""
    return [*run_figures(standing.counts), *figures_of_parts(standing)]


def count_runs() -> Counts:
    """After read-repair: an overdue run is counted as stale."""
    by_type, waits = {}, [0.0]
    for model in run_types():
        active = aggregate_active(model)
        if active["overdue"]:
            model.objects.all().repair()
            active = aggregate_active(model)
        waits.append(active.pop("wait") or 0.0)
        ended = aggregate_ended(model)
        unknown = (active.pop("unknown") or 0) + (ended.pop("unknown") or 0)
        # Where nobody could write that they are overdue, they are shown as stale all the same.
        overdue = active.pop("overdue")
        active["active"] -= overdue
        by_type[model.slug] = Counter({**active, **ended, "stale": ended["stale"] + overdue, "unknown": unknown})
    return Counts(by_type, max(waits))


def aggregate_active(model: type[Run]) -> dict[str, Any]:
    """The verdicts of running runs, counted by the database as `readers.verdict` gives them."""
    is_overdue = Q(pk__in=model.objects.overdue().values("pk"))
    is_silent, is_waiting = Q(silence_left_=True), Q(wait_left_=True)
    beats_for_itself = Q(status=Status.RUNNING) & ~is_silent & ~is_waiting & ~is_overdue
    rows = (
        model.objects.active()
        .with_ages()
        .annotate(silence_left_=Coalesce(Q(silence_left__gt=0), False), wait_left_=Coalesce(Q(wait_left__gt=0), False))
    )
    wait = Extract(Now() - Greatest("queued_at", "waiting_until"), "epoch")
    is_quiet = Q(heartbeat_age__gt=QUIET_AFTER)
    return rows.aggregate(
        active=Count("pk"),
        queued=Count("pk", filter=Q(status=Status.QUEUED)),
        wait=Max(wait, filter=Q(status=Status.QUEUED) & ~is_waiting),
        overdue=Count("pk", filter=is_overdue),
        quiet=Count("pk", filter=beats_for_itself & is_quiet),
        not_advancing=Count("pk", filter=beats_for_itself & ~is_quiet & Q(progress_age__gt=NOT_ADVANCING_AFTER)),
        unknown=sum_unknown(),
    )


def aggregate_ended(model: type[Run]) -> dict[str, Any]:
    ended = model.objects.filter(status__in=FINISHED, finished_at__gt=Now() - DAY)
    is_stale, is_failed = Q(error_code=ErrorCode.STALE), Q(status=Status.FAILED)
    return ended.aggregate(
        stale=Count("pk", filter=is_failed & is_stale),
        otherwise=Count("pk", filter=is_failed & ~is_stale),
        unknown=sum_unknown(),
    )


def sum_unknown() -> Sum:
    """As `Run.unknown`."""
    return Sum(F("processed") - F("succeeded") - F("failed") - F("skipped"))


def run_figures(counts: Counts) -> Iterator[Figure]:
    yield counts.figure("active", _("Active runs"), status="active")
    wait = _("the first has waited %(time)s") % {"time": format_duration(counts.oldest_wait)}
    yield counts.figure("queued", _("In the queue"), wait if counts.oldest_wait else "", status=Status.QUEUED)
    yield counts.figure("quiet", _("Quiet"), _("no heartbeat for a minute"), WARNING, status=Status.RUNNING)
    yield counts.figure(
        "not_advancing", _("Not advancing"), _("no item for two minutes"), WARNING, status=Status.RUNNING
    )
    day = _("in the last 24 hours")
    yield counts.figure("stale", _("Stuck"), day, BAD, error_code=ErrorCode.STALE)
    yield counts.figure("otherwise", _("Failed otherwise"), day, WARNING, status=Status.FAILED)
    yield counts.figure("unknown", _("Unknown effects"), _("active or ended in the last 24 hours"), WARNING)


def figures_of_parts(standing: Standing) -> Iterator[Figure]:
    """The parts of the installation."""
    sweeping, broker, queues = standing.is_sweeping, standing.is_broker_reachable, standing.workers_by_queue
    missed = "" if sweeping else _("%(n)d rounds missed") % {"n": MISSED_ROUNDS}
    yield Figure("sweep", _("Last sweep"), format_age(standing.sweep_age), missed, GOOD if sweeping else BAD)
    by_queue = " · ".join(f"{queue} {number}" for queue, number in queues.items())
    tone = GOOD if all(queues.values()) else BAD
    yield Figure("workers", _("Workers alive"), format_number(standing.workers), by_queue, tone)
    note = "" if broker else _("workers look for runs by themselves")
    yield Figure("broker", _("Broker"), _("Reachable") if broker else _("Away"), note, GOOD if broker else BAD)
    yield Figure("database", _("Database"), _("Reachable"), tone=GOOD)  # it has just answered


def is_broker_reachable() -> bool:
    """Answered within `RUNS_BROKER_SECONDS`."""
    try:
        call_broker(connect_to_broker)
    except Exception:  # each transport has its own errors
        return False
    return True


def connect_to_broker() -> None:
    with current_app.connection_for_write() as connection:
        connection.connect()

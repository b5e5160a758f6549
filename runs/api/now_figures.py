"""The figures of the operator's home: how much is under way, what is in trouble, and what keeps it all going."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Extract, Greatest, Now
from django.utils.translation import gettext as _

from ..durations import format_age, format_elapsed
from ..lifecycle.broker_calls import call_broker
from ..lifecycle.sweep import MISSED_ROUNDS, is_sweep_on_time, seconds_since_sweep
from ..models import Run, Worker, run_types
from ..models.run_queryset import UNKNOWN_OUTCOMES
from ..numbers import format_number
from ..readers.trouble import LATELY, Trouble, measure_silence, trouble_conditions
from ..states import FINISHED, Status
from .metrics import count_workers

GOOD, WARNING, BAD = "good", "warning", "bad"


@dataclass(frozen=True)
class Figure:
    """One number and what it means."""

    name: str
    label: str
    value: str
    note: str = ""
    tone: str = ""
    status: str = ""  # by which the list of all runs shows those that it counts


@dataclass(frozen=True)
class Counts:
    """Of each type, by slug."""

    by_type: dict[str, Counter[str]]
    oldest_wait: float  # seconds

    def sum(self, name: str) -> int:
        return sum(counts[name] for counts in self.by_type.values())

    def figure(self, status: str, label: str, note: str = "", tone: str = "") -> Figure:
        """Of the runs that the list of all runs shows by this status. The tone is for a number above zero."""
        number = self.sum(status)
        return Figure(str(status), label, format_number(number), note, tone if number else "", str(status))


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
        is_sweeping=is_sweep_on_time(),
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
        unknown = sum(part.pop("unknown_outcomes") or 0 for part in (active, ended))
        # Where nobody could write that they are overdue, they are shown as stale all the same.
        overdue = active.pop("overdue")
        active["active"] -= overdue
        stale = ended.pop(Trouble.STALE) + overdue
        by_type[model.slug] = Counter({**active, **ended, Trouble.STALE: stale, Trouble.UNKNOWN: unknown})
    return Counts(by_type, max(waits))


def aggregate_active(model: type[Run]) -> dict[str, Any]:
    is_queued = Q(status=Status.QUEUED)
    wait = Extract(Now() - Greatest("queued_at", "waiting_until"), "epoch")
    return measure_silence(model.objects.active()).aggregate(
        active=Count("pk"),
        queued=Count("pk", filter=is_queued),
        wait=Max(wait, filter=is_queued & Q(is_waiting_=False)),
        overdue=Count("pk", filter=Q(pk__in=model.objects.overdue().values("pk"))),
        unknown_outcomes=Sum(UNKNOWN_OUTCOMES),
        **count_in_trouble(model, Trouble.QUIET, Trouble.NOT_ADVANCING),
    )


def aggregate_ended(model: type[Run]) -> dict[str, Any]:
    return model.objects.filter(status__in=FINISHED, finished_at__gt=Now() - LATELY).aggregate(
        unknown_outcomes=Sum(UNKNOWN_OUTCOMES),
        **count_in_trouble(model, Trouble.STALE, Trouble.FAILED_OTHERWISE),
    )


def count_in_trouble(model: type[Run], *troubles: Trouble) -> dict[str, Count]:
    conditions = trouble_conditions(model)
    return {trouble.value: Count("pk", filter=conditions[trouble]) for trouble in troubles}


def run_figures(counts: Counts) -> Iterator[Figure]:
    yield counts.figure("active", _("Active runs"))
    wait = _("the first has waited %(time)s") % {"time": format_elapsed(counts.oldest_wait)}
    yield counts.figure(Status.QUEUED, _("In the queue"), wait if counts.oldest_wait else "")
    yield counts.figure(Trouble.QUIET, _("Quiet"), _("no heartbeat for a minute"), WARNING)
    yield counts.figure(Trouble.NOT_ADVANCING, _("Not advancing"), _("no item for two minutes"), WARNING)
    day = _("in the last 24 hours")
    yield counts.figure(Trouble.STALE, _("Stuck"), day, BAD)
    yield counts.figure(Trouble.FAILED_OTHERWISE, _("Failed otherwise"), day, WARNING)
    yield counts.figure(Trouble.UNKNOWN, _("Unknown effects"), _("active or ended in the last 24 hours"), WARNING)


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

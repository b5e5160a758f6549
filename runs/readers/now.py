"""What is under way, of every type and business, the most troubled first: the table of the operator's home."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Value
from django.db.models.functions import Now

from ..models import Run, RunQuerySet, run_types
from ..states import ErrorCode, Status
from .verdict import VerdictCode, fetch_repaired, verdict_code

ROWS: Final = 100
FAILED_LATELY: Final = timedelta(hours=1)

# In this order people look at them.
TROUBLE: Final = (
    VerdictCode.STALE,
    VerdictCode.QUIET,
    VerdictCode.NOT_ADVANCING,
    VerdictCode.FAILED,
    VerdictCode.WAITING_FOR_WORKER,
    VerdictCode.WAITING,
    VerdictCode.WORKING,
    VerdictCode.PAUSED,
)
LARGE_COLUMNS: Final = ("pace", "cursor", "cursor_counts", "poison_items")


def fetch_now() -> list[Run]:
    """At most `ROWS`: the active runs, and those that failed lately. The number of queries depends on no rows."""
    runs = [
        run
        for model, pks in find_first().items()
        for run in fetch_repaired(
            model.objects.filter(pk__in=pks).select_related("business").defer(*LARGE_COLUMNS).with_ages()
        )
        if verdict_code(run) in TROUBLE
    ]
    return sorted(runs, key=order_of_trouble)[:ROWS]


def find_first() -> dict[type[Run], list[int]]:
    """Of each type more than can be shown, chosen by the database: those first in line to be in trouble."""
    models = {model.slug: model for model in run_types()}
    first, *others = (
        rows.annotate(type_=Value(slug)).values_list("type_", "pk")[:ROWS]
        for slug, model in models.items()
        for rows in orders_of(model)
    )
    found: dict[type[Run], list[int]] = defaultdict(list)
    for slug, pk in first.union(*others):
        found[models[slug]].append(pk)
    return found


def orders_of(model: type[Run]) -> Iterator[RunQuerySet[Run]]:
    """Partial indexes hold the few rows that each of these reads, however long the history."""
    rows = model.objects.active()
    running = rows.filter(status=Status.RUNNING)
    yield running.order_by("heartbeat_at", "pk")
    yield running.order_by("progress_at", "pk")
    yield rows.filter(status=Status.QUEUED).order_by("queued_at", "pk")
    yield rows.filter(status=Status.PAUSED).order_by("pk")
    # A run that staff have reset is no trouble any more.
    failed = model.objects.filter(status=Status.FAILED, finished_at__gt=Now() - FAILED_LATELY)
    yield failed.exclude(error_code=ErrorCode.RESET).order_by(F("finished_at").desc(), "-pk")


def order_of_trouble(run: Run) -> tuple[Any, ...]:
    """By moments and not by ages, which change all the time: a row moves only when its verdict does."""
    code = verdict_code(run)
    moment = {
        VerdictCode.QUIET: run.heartbeat_at,
        VerdictCode.NOT_ADVANCING: run.progress_at,
        VerdictCode.WAITING_FOR_WORKER: run.queued_at,
    }.get(code) or run.created_at
    newest_first = code in (VerdictCode.STALE, VerdictCode.FAILED)
    if newest_first:
        moment = run.finished_at or run.server_now  # one that is only shown as failed has no end
    seconds = moment.timestamp()
    return TROUBLE.index(code), -seconds if newest_first else seconds, run.slug, run.pk


def seconds_waiting(run: Run) -> float | None:
    """How long a queued run has waited since it could be claimed; None for any other."""
    if run.status != Status.QUEUED or run.seconds_to_wait:
        return None
    since = max(run.queued_at, run.waiting_until or run.queued_at)
    return float((run.server_now - since).total_seconds())  # both are the database's

"""G2: once a run has left `running`, or has been claimed again, no write of the older attempt is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Count, F, Q

from runs.drill.models import DrillRun, DrillStep
from runs.models import Run, run_types
from runs.states import ItemStatus, Status

from .findings import Finding
from .timeline import History

# A write may lock the run while the session that changes the run's status waits for that lock.
LOCK_SECONDS: Final = 1.0
SETTLED: Final = (ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.SKIPPED, ItemStatus.UNKNOWN)


def check_history(finding: Finding, history: History, slack: float = 0.0) -> None:
    """`slack`: see `checker.check`."""
    for before, after in history.pairs():
        is_claim = after.status == Status.RUNNING
        finding.count("claims", is_claim)
        if after.attempt != before.attempt + is_claim:
            finding.violate(f"{history} went from attempt {before.attempt} to {after.attempt} by {after.status}")
        if is_claim and after.actor != "worker":  # taking the turn names the worker to the timeline
            finding.violate(f"{history}: attempt {after.attempt} was claimed without a turn")
    last = history.changes[-1]
    if (last.status, last.attempt) != (history.status, history.attempt):
        finding.violate(
            f"{history} is {history.status} by attempt {history.attempt}, and its timeline ends with"
            f" {last.status} by attempt {last.attempt}"
        )
    if history.model is DrillRun:
        _check_footprints(finding, history, LOCK_SECONDS + slack)


def _check_footprints(finding: Finding, history: History, lock_seconds: float) -> None:
    """A drill's steps record which attempt did them, and when."""
    claimed = {change.attempt: change.at for change in history.changes if change.status == Status.RUNNING}
    left = {change.attempt: change.at for change in history.departures()}
    steps = DrillStep.objects.filter(run=history.run).values_list("number", "attempt", "at")
    for number, attempt, at in steps:
        finding.count("drill steps")
        moment = at.timestamp()
        if any(later > attempt and begun <= moment for later, begun in claimed.items()):
            finding.violate(f"{history}: attempt {attempt} wrote step {number} after a newer one had been claimed")
        elif moment > left.get(attempt, moment) + lock_seconds:
            finding.violate(f"{history}: attempt {attempt} wrote step {number} after its run had been taken away")


def check(finding: Finding) -> None:
    """Counters are written with the items that they count: where they differ, an attempt wrote without its run."""
    for model in run_types():
        if model.item_model() is not None:
            for run, counted, found in _counts(model):
                finding.count("runs whose counters are compared with their items")
                if counted != found:
                    finding.violate(f"{model.slug} {run} counted {counted}, and its items are {found}")


def _counts(model: type[Run]) -> Iterator[tuple[int, dict[str, int], dict[str, int]]]:
    """Each run's counters, and the counts of its items, read by one statement."""
    found = {
        "processed": Q(items__status__in=SETTLED),
        "succeeded": Q(items__status=ItemStatus.DONE),
        "failed": Q(items__status=ItemStatus.FAILED),
        "skipped": Q(items__status=ItemStatus.SKIPPED),
    }
    counts: dict[str, Any] = {f"found_{name}": Count("items", filter=which) for name, which in found.items()}
    rows = model.objects.order_by("pk").annotate(**counts, run=F("pk")).values("run", *found, *counts)
    for row in rows.iterator():
        yield row["run"], {name: row[name] for name in found}, {name: row[f"found_{name}"] for name in found}

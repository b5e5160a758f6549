"""G7: an item's second death in a row fails that item, and the run goes on after it; no other item is failed for it.

In which item an attempt died is known for drills only: their steps record it. For other types the number of deaths in
the timeline is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from runs.drill.models import DrillRun, DrillStep
from runs.models import run_types
from runs.models.poison import POISON_CODE
from runs.states import ErrorCode, ItemStatus, Status

from .findings import Finding
from .timeline import Change, History

DEATHS_EACH: Final = 2
# A process that dies before its first flush has named no item: such a death accuses none.
UNNAMED_DEATHS: Final = 1


def check_history(finding: Finding, history: History, poison: list[str]) -> None:
    deaths = sum(is_death(change) for change in history.departures())
    finding.count("runs")
    finding.count("deaths that the timelines record", deaths)
    finding.count("poison items", len(poison))
    if len(set(poison)) < len(poison):
        finding.violate(f"{history} names a poison item twice: {poison}")
    if len(poison) * DEATHS_EACH > deaths:
        finding.violate(f"{history} has {len(poison)} poison items, and died {deaths} times")


def is_death(change: Change) -> bool:
    """Of an attempt: not a warm shutdown of its worker, nor an end that a person or the work decided."""
    if change.error_code in (ErrorCode.STALE, ErrorCode.WORKER_LOST, ErrorCode.EXCEPTION):
        return True
    if change.error_code == ErrorCode.RESET or change.status in (Status.COMPLETED, Status.FAILED):
        return False
    return "exception" in change.reason or (not change.is_final_flush and change.reason != "asked to interrupt")


def is_kill(change: Change) -> bool:
    return is_death(change) and "exception" not in change.reason


def check(finding: Finding) -> None:
    for model in run_types():
        items: Any = model.item_model()
        if items is None:
            continue
        failed = items._default_manager.filter(status=ItemStatus.FAILED, error_code=POISON_CODE)
        found = Counter(failed.values_list("run", flat=True))
        for pk, poison in model.objects.exclude(poison_items=[]).values_list("pk", "poison_items"):
            if found[pk] != len(poison):
                finding.violate(f"{model.slug} {pk} has the poison items {poison}, and {found[pk]} failed ones")
        for pk in found.keys() - set(model.objects.exclude(poison_items=[]).values_list("pk", flat=True)):
            finding.violate(f"{model.slug} {pk} failed items as poison that it doesn't name")


# Drills


def check_drill(finding: Finding, history: History) -> None:
    run = DrillRun.objects.get(pk=history.run)
    planned = {str(run.dies_at)} if run.dies_again and run.death != DrillRun.Death.NONE else set()
    if run.dies_at >= run.steps:
        planned = set()
    places = _places_of_death(run)
    finding.count("poison steps that were planned", len(planned))
    if run.status == Status.COMPLETED and (missed := planned.difference(run.poison_items)):
        finding.violate(f"{history} is completed, and its poison step {missed} isn't failed")
    if run.failed > len(run.poison_items):
        finding.violate(f"{history} failed {run.failed} steps, and its poison steps are {run.poison_items}")
    for step in set(run.poison_items) - planned:
        finding.count("healthy steps failed, since they were killed twice")
        killed = [change for change in history.departures() if is_kill(change) and int(step) in places[change.attempt]]
        if len(killed) < DEATHS_EACH:
            finding.violate(f"{history}: the healthy step {step} is failed, and was killed {len(killed)} times")
    for step in planned:
        in_a_row = max(_deaths_in_a_row(history, int(step), places), default=0)
        finding.count_highest("deaths in a row at one poison step, at most", in_a_row)
        if in_a_row > DEATHS_EACH + UNNAMED_DEATHS:
            finding.violate(f"{history} died {in_a_row} times in a row at its poison step {step}")


def _places_of_death(run: DrillRun) -> dict[int, range]:
    """The steps in which each attempt may have ended: that of its last footprint, and the next one."""
    steps = DrillStep.objects.filter(run=run).order_by("attempt", "number").values_list("attempt", "number")
    places, reached = {}, -1
    last = {attempt: max(number for _attempt, number in group) for attempt, group in groupby(steps, lambda row: row[0])}
    for attempt in range(1, run.attempt + 1):
        reached = max(reached, last.get(attempt, reached))
        places[attempt] = range(max(reached, 0), _next_step(run, reached) + 1)
    return places


def _next_step(run: DrillRun, step: int) -> int:
    """The next step that isn't skipped as poison."""
    following = step + 1
    while str(following) in run.poison_items:
        following += 1
    return following


def _deaths_in_a_row(history: History, step: int, places: dict[int, range]) -> Iterator[int]:
    """Attempts that died at the step with no other death, and no progress, between them."""
    in_a_row = 0
    for change in history.departures():
        if not is_death(change):
            continue
        in_a_row = in_a_row + 1 if step in places[change.attempt] else 0
        yield in_a_row

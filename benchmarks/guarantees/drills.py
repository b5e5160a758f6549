"""G3 for drills: each step leaves a footprint, and is done twice only where a death interrupted it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from runs.drill.models import DrillRun, DrillStep
from runs.states import Status

from .findings import Finding
from .logs import Death, Logs
from .timeline import History

KILL_SECONDS: Final = 1.0  # from a death's record to the death


class Outages:
    """When the database was killed: a commit whose answer was lost is written again."""

    def __init__(self, logs: Logs) -> None:
        self._moments = [death.at for death in logs.read(Death) if death.kind == "database"]

    def between(self, start: float, end: float) -> bool:
        return any(start - KILL_SECONDS <= moment <= end for moment in self._moments)


def check_history(finding: Finding, history: History, outages: Outages) -> None:
    if history.model is not DrillRun:
        return
    poison = {int(key) for key in DrillRun.objects.values_list("poison_items", flat=True).get(pk=history.run)}
    steps = DrillRun.objects.values_list("steps", flat=True).get(pk=history.run)
    done = DrillStep.objects.filter(run=history.run).order_by("pk").values_list("number", "attempt", "at")
    footprints = [(number, attempt, at.timestamp()) for number, attempt, at in done]
    finding.count("drill steps that left a footprint", len(footprints))
    if history.status == Status.COMPLETED:
        lost = set(range(steps)) - {number for number, _attempt, _at in footprints} - poison
        if lost:
            finding.violate(f"{history} is completed, and its steps {sorted(lost)} were never done")
    for fault in _repeated(finding, footprints, outages):
        finding.violate(f"{history}: {fault}")


def _repeated(finding: Finding, footprints: list[tuple[int, int, float]], outages: Outages) -> Iterator[str]:
    """An attempt may do again the one step that was in flight when the last one ended, and no other."""
    by_attempt: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, attempt, at in footprints:
        by_attempt[attempt].append((number, at))
    seen: set[int] = set()
    for attempt, steps in sorted(by_attempt.items()):
        for (number, at), (again, later) in pairwise(sorted(steps)):
            if number == again and not outages.between(at, later):
                yield f"attempt {attempt} did the step {number} twice"
        again_done = {number for number, _at in steps if number in seen}
        finding.count("drill steps done again after a death", len(again_done))
        if more := again_done - ({max(seen)} if seen else set()):
            yield f"attempt {attempt} did the steps {sorted(more)} again"
        seen.update(number for number, _at in steps)

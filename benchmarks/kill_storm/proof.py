"""What the storm must not break, seen by a reader during it and in the ledger after it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from django.db import InterfaceError, OperationalError, connection

from runs.drill.models import DrillRun, DrillStep
from runs.states import ARROWS, Status
from runs.verdict import tell

LOOK_EVERY = 0.2
LEGAL = {(arrow.source, arrow.target) for arrow in ARROWS}


class Reader(threading.Thread):
    """Looks at every run again and again, as a page does, and remembers the highest bar it was shown."""

    def __init__(self) -> None:
        super().__init__(name="reader", daemon=True)
        self.over = threading.Event()
        self.looks = 0
        self.violations: list[str] = []
        self._shown: dict[int, tuple[int, float]] = defaultdict(lambda: (0, 0.0))

    def run(self) -> None:
        while not self.over.wait(LOOK_EVERY):
            try:
                self._look()
            except (OperationalError, InterfaceError):
                connection.close()  # the database is away: no answer is no lie
        connection.close()

    def _look(self) -> None:
        for run in tell(DrillRun.objects.with_ages()):
            shown = (run.processed, run.progress_pct or 0.0)
            before = self._shown[run.pk]
            if shown[0] < before[0] or shown[1] < before[1]:
                self.violations.append(f"run {run.pk} went back from {before} to {shown}")
            if run.status == Status.RUNNING and (run.heartbeat_age or 0) > run.stale_after().total_seconds():
                self.violations.append(f"run {run.pk} was shown running after {run.heartbeat_age:.0f} s of silence")
            self._shown[run.pk] = shown
        self.looks += 1


def violations() -> Iterator[str]:
    for run in DrillRun.objects.order_by("pk"):
        events = list(run.events.order_by("pgh_id").values_list("status", "attempt", "pgh_created_at"))
        yield from _unfinished(run)
        yield from _illegal(run, events)
        yield from _ledger(run, {attempt: at for status, attempt, at in events if status == Status.RUNNING})


def _unfinished(run: DrillRun) -> Iterator[str]:
    if run.status != Status.COMPLETED:
        yield f"run {run.pk} is stuck: {run.status} {run.error_code}"
    elif (run.processed, run.succeeded, run.progress_pct) != (run.steps, run.steps, 100):
        yield f"run {run.pk} completed with {run.processed} of {run.steps}"


def _illegal(run: DrillRun, events: list[tuple[str, int, datetime]]) -> Iterator[str]:
    for (source, attempt, _), (target, next_attempt, _) in pairwise(events):
        if (source, target) not in LEGAL:
            yield f"run {run.pk} went from {source} to {target}"
        if next_attempt != attempt + (target == Status.RUNNING):
            yield f"run {run.pk} went from attempt {attempt} to {next_attempt} by {target}"


def _ledger(run: DrillRun, claims: dict[int, datetime]) -> Iterator[str]:
    steps = list(DrillStep.objects.filter(run=run).order_by("pk").values_list("number", "attempt", "at"))
    done = Counter(number for number, _, _ in steps)
    if lost := set(range(run.steps)) - done.keys():
        yield f"run {run.pk} lost its items {sorted(lost)}"
    yield from _repeated(run, steps)
    for number, attempt, at in steps:
        if any(later > attempt and claimed <= at for later, claimed in claims.items()):
            yield f"run {run.pk}: attempt {attempt} wrote item {number} after it had been replaced"


def _repeated(run: DrillRun, steps: list[tuple[int, int, datetime]]) -> Iterator[str]:
    """An attempt may do again the one item that was in flight when the last one died, and no other."""
    of_attempt: dict[int, list[int]] = defaultdict(list)
    for number, attempt, _ in steps:
        of_attempt[attempt].append(number)
    seen: set[int] = set()
    for attempt, numbers in sorted(of_attempt.items()):
        in_flight = {max(seen)} if seen else set()
        again = [number for number in numbers if number in seen]
        if len(set(numbers)) < len(numbers) or set(again) - in_flight:
            yield f"run {run.pk}: attempt {attempt} did the items {again} again"
        seen.update(numbers)

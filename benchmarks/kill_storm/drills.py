"""A storm over drills: each item leaves a footprint, and may be done twice only if a death met it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime

from django.db.models import OuterRef, Subquery

from runs import dispatch
from runs.drill.models import DrillRun, DrillStep
from runs.models import Business
from runs.states import Status

STEP_SECONDS = 0.1


class Drills:
    model = DrillRun

    def __init__(self, runs: int, seconds: float) -> None:
        self.count, self.steps = runs, max(20, int(seconds / STEP_SECONDS / runs))
        self.described = f"{runs} runs of {self.steps} items"

    def served(self) -> nullcontext[None]:
        return nullcontext()

    def start(self) -> list[DrillRun]:
        return [self._start(number) for number in range(self.count)]

    def _start(self, number: int) -> DrillRun:
        business, _ = Business.objects.get_or_create(slug=f"storm-{number % 5}", defaults={"name": "Storm"})
        return dispatch.start(DrillRun, business, steps=self.steps, step_seconds=STEP_SECONDS)

    def at_work(self, pids: list[int]) -> list[int]:
        return [pid for pid in pids if self.held_by_process(pid)]

    def held_by_process(self, pid: int) -> list[tuple[int, int]]:
        """What it is at work on, known by the last step of each attempt."""
        last = DrillStep.objects.filter(run=OuterRef("pk"), attempt=OuterRef("attempt")).order_by("-pk")
        running = DrillRun.objects.filter(status=Status.RUNNING).annotate(pid=Subquery(last.values("pid")[:1]))
        return list(running.filter(pid=pid).values_list("pk", "attempt"))

    def violations(self) -> Iterator[str]:
        for run in DrillRun.objects.order_by("pk"):
            if (run.processed, run.succeeded, run.progress_pct) != (run.steps, run.steps, 100):
                yield f"run {run.pk} ended with {run.processed} of {run.steps}"
            claims = run.events.filter(status=Status.RUNNING).values_list("attempt", "pgh_created_at")
            yield from _ledger(run, dict(claims))


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

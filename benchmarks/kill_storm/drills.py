"""A storm over drills: each step leaves a footprint, and some steps are poison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Final

from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.models import Business

from ..guarantees.logs import Record

STEP_SECONDS: Final = 0.1
POISON_EVERY: Final = 3  # runs
POISON: Final = (DrillRun.Death.HUNG, DrillRun.Death.KILLED, DrillRun.Death.RAISED)  # in turn


class Drills:
    model = DrillRun

    def __init__(self, runs: int, seconds: float, *, poison: bool) -> None:
        self.count, self.steps = runs, max(20, int(seconds / STEP_SECONDS / runs))
        self.poisoned = range(0, runs, POISON_EVERY) if poison else range(0)
        self.described = f"{runs} runs of {self.steps} items, {len(self.poisoned)} of them with a poison item"

    def served(self) -> nullcontext[None]:
        return nullcontext()

    def start(self) -> Sequence[DrillRun]:
        return [self._start(number) for number in range(self.count)]

    def _start(self, number: int) -> DrillRun:
        business, _ = Business.objects.get_or_create(slug=f"storm-{number % 5}", defaults={"name": "Storm"})
        return dispatch.start(DrillRun, business, steps=self.steps, step_seconds=STEP_SECONDS, **self._poison(number))

    def _poison(self, number: int) -> dict[str, Any]:
        """An early step that kills, hangs or breaks the process that begins it, each time."""
        if number not in self.poisoned:
            return {}
        death = POISON[self.poisoned.index(number) % len(POISON)]
        return {"death": death, "dies_at": self.steps // 4, "dies_again": True}

    def records(self) -> Iterator[Record]:
        return iter(())

"""How much of a run is done: in items, and in weight where the items differ in size."""

from __future__ import annotations

from typing import Any, Final

from ..models import Run
from ..states import ItemStatus
from .estimate import percent_of
from .weights import Weights

FLOORED: Final = ("processed", "failed", "skipped")


class Counts:
    """The items that are finished, and the part of the open one.

    Work that is redone after the last checkpoint is counted again from the cursor. Readers may have been shown more
    already, and nothing shown is ever taken back (G4): the floor holds until the recount has passed it.
    """

    def __init__(self, run: Run) -> None:
        self.processed: int = run.cursor_counts.get("processed", 0)
        self.failed: int = run.cursor_counts.get("failed", 0)
        self.skipped: int = run.cursor_counts.get("skipped", 0)
        self.total = run.total  # None: unknown
        self.weights = Weights(float(run.cursor_counts.get("weight", 0.0)), "weight" in run.cursor_counts)
        self._floor = {name: getattr(run, name) for name in FLOORED}

    def expect_items(self, count: int) -> None:
        """So many are still to come."""
        self.total = self.processed + count

    def count_outcome(self, status: ItemStatus) -> None:
        """Count what became of an item; that it is finished is counted in `processed`."""
        self.failed += status == ItemStatus.FAILED
        self.skipped += status == ItemStatus.SKIPPED

    def start_over(self) -> None:
        self._floor = dict(self.shown_counts())
        self.processed = self.failed = self.skipped = 0
        self.weights.start_over()

    def reload_from(self, run: Run) -> None:
        """Go on from the counters of the run's row."""
        self._floor = {name: getattr(run, name) for name in FLOORED}
        self.processed, self.failed, self.skipped = run.processed, run.failed, run.skipped
        self.total = run.total

    def raise_total(self) -> None:
        """Correct an estimate that was exceeded."""
        if self.total is not None:
            self.total = max(self.total, self.shown_counts()["processed"])

    def settle_total(self) -> None:
        """The run is complete: its total is what was processed."""
        self.total = max(self.processed, self._floor["processed"])

    def shown_counts(self) -> dict[str, int]:
        """What readers may be shown."""
        if self.processed < self._floor["processed"]:
            return self._floor
        return self._as_counted()

    def as_columns(self) -> dict[str, int | None]:
        """The columns that a flush writes."""
        shown = self.shown_counts()
        succeeded = shown["processed"] - shown["failed"] - shown["skipped"]
        return {"total": self.total, "succeeded": succeeded, **shown}

    def at_cursor(self) -> dict[str, Any]:
        """What a new attempt counts on from, if the cursor is set now."""
        return {**self._as_counted(), "weight": self.weights.done} if self.weights.is_used else self._as_counted()

    def amount_done(self) -> float:
        """Items, or weight where they have one, with the part of the open item."""
        if self.weights.total is None:
            return float(self.processed + self.weights.part)
        return self.weights.done_with_part

    def place_reached(self) -> float:
        """Items finished, and the part of the open one: in hundredths, so that progress is more than a jitter."""
        return float(self.processed + int(self.weights.part * 100) / 100)

    def percent_done(self) -> float | None:
        """None when unknown."""
        if self.weights.total:
            return percent_of(self.amount_done(), self.weights.total)
        if self.weights.is_used and self.weights.total is None:
            return None
        return percent_of(self.shown_counts()["processed"], self.total)

    def _as_counted(self) -> dict[str, int]:
        return {"processed": self.processed, "failed": self.failed, "skipped": self.skipped}

"""What the next flush writes, put together from what the work has reported."""

from __future__ import annotations

import time
from typing import Any

from ..models import Run
from ..states import Status
from .counts import Counts
from .cursor import Cursor
from .estimate import Estimator
from .flush import FinalStatus, ProgressReport
from .item_buffer import ItemBuffer
from .item_naming import ItemNaming
from .throughput import ThroughputHistory


class ReportBuilder:
    """Builds the reports of one attempt, and measures between them how fast it goes."""

    def __init__(self, run: Run, counts: Counts, cursor: Cursor, items: ItemBuffer, naming: ItemNaming) -> None:
        self.silence: float | None = None  # seconds for which no heartbeat is due
        self.waiting: tuple[float | None, str] = (None, "")  # seconds, and the reason
        self.notes: dict[str, Any] = {}  # columns of the run's own type
        self._counts, self._cursor, self._items, self._naming = counts, cursor, items, naming
        self._estimator = Estimator(run.rate, counts.processed, counts.weights.done)
        self._history = ThroughputHistory(run.pace)
        self._seconds_before = self._history.resume(counts.shown_counts()["processed"])
        self._began_at = time.monotonic()
        self._flushed_done: float = counts.processed

    @property
    def rate(self) -> float | None:
        return self._estimator.rate

    def begin_items(self) -> None:
        """The first item is about to be fetched."""
        self._estimator.begin_items()

    def start_over(self) -> None:
        self._flushed_done = 0.0
        self._estimator.start_at(0, 0.0)

    def restart_count(self) -> None:
        """The counts were set anew, or go by weight from now on: no work has brought them there."""
        self._flushed_done = self._counts.amount_done()
        self._estimator.start_at(self._counts.processed, self._counts.weights.done)

    def note_flush(self) -> None:
        self._flushed_done = self._counts.amount_done()

    def build(self, final_status: FinalStatus | None) -> ProgressReport:
        counts = self._counts
        is_complete = final_status is not None and final_status.status == Status.COMPLETED
        counts.raise_total()
        self._estimator.measure(counts.processed, counts.amount_done(), is_waiting=self.waiting[0] is not None)
        seconds = self._seconds_before + time.monotonic() - self._began_at
        has_new_point = self._history.note(seconds, counts.shown_counts()["processed"], last=final_status is not None)
        return ProgressReport(
            counters=counts.as_columns(),
            cursor=self._cursor.value,
            cursor_counts=self._cursor.counts_at_cursor,
            progress_pct=100.0 if is_complete else counts.percent_done(),
            rate=self._estimator.rate,
            eta=self._seconds_left(),
            pace=self._history.points if has_new_point else None,
            advanced=counts.amount_done() > self._flushed_done,
            reached=counts.place_reached(),
            suspect_mode=self._naming.is_suspect,
            open_item=self._naming.open_item,
            silence=self.silence,
            waiting=self.waiting[0],
            waiting_reason=self.waiting[1],
            items=self._items.as_rows(),
            notes=self.notes,
        )

    def _seconds_left(self) -> float | None:
        """At the present rate; None when nobody can know."""
        counts = self._counts
        if counts.total is None:
            return None
        if counts.weights.total:
            return self._estimator.seconds_for_weight(counts.weights.total - counts.amount_done())
        return self._estimator.seconds_for_items(counts.total - counts.shown_counts()["processed"])

"""Effects that can't be undone, such as a message sent: none happens twice, whatever dies when (G3).

1. An item is put in flight, and that is committed, before its effect begins.
2. Its outcome is written by the statement that puts the next items in flight, together with the counters and the
   heartbeat. The same statement returns whether a stop has been requested.
3. Whatever a lost attempt left in flight is unknown from then on, and never begun again.

A new attempt goes on with the items that the table has as pending; the cursor has only what helps it begin.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.utils.translation import gettext_noop

from ..exceptions import RunsError, RunStopped
from ..models import Run, RunItem, statements
from ..states import ItemStatus
from ..text import ERROR_LENGTH, clean
from .flush import FinalStatus, ProgressReport, build_parameters, execute_guarded, statement_variant
from .progress import Progress

I = TypeVar("I", bound=RunItem)  # noqa: E741

NOT_REPORTED: Final = gettext_noop("The outcome was not reported.")


@dataclass
class Outcome:
    """What became of an item in flight."""

    item: RunItem
    status: ItemStatus | None = None  # None: the work hasn't reported it yet
    error_code: str = ""
    error_message: str = ""
    columns: dict[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        row = {"id": self.item.pk, "status": self.status, "error_code": self.error_code}
        return {**row, "error_message": self.error_message, **self.columns}


class Effects:
    """Carries out the items of a run, each at most once.

    One after the other: `for item in effects.each(items)`. Several at a time: `effects.begin(items)`.
    Report what became of each by `done`, `failed`, `unknown` or `put_back`; an item without a report is unknown when
    the attempt ends. Raises `RunLost`, and `RunStopped` before anything has begun.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress, self._run = progress, progress.run
        self._in_flight: dict[int, Outcome] = {}  # by the item's key in the table
        self._beginning: Sequence[RunItem] = ()
        progress.fenced(self._start_from_rows)
        progress.write_with(self._write_report)

    def _start_from_rows(self) -> None:
        """Begin with the counts of the rows, which are always right; what a lost attempt had in flight is unknown."""
        rows = type(self._run).objects.filter(pk=self._run.pk)
        rows.mark_in_flight_unknown()
        items: Any = self._run.items  # type: ignore[attr-defined]  # the items' own foreign key
        rows.update(total=items.count())
        self._run.refresh_from_db(fields=["total", "processed", "failed", "skipped"])
        self._progress.reload_counts()

    def each(self, items: Iterable[I]) -> Iterator[I]:
        """Yield each item once it is in flight. Items that were settled meanwhile are skipped."""
        for item in items:
            if not self.begin([item]):
                continue
            yield item
            if item.pk in self._in_flight and self._in_flight[item.pk].status is None:
                self.unknown(item, NOT_REPORTED)

    def begin(self, items: Sequence[I]) -> list[I]:
        """Put those of the items in flight that are pending, and return them. They are on the disk then."""
        if any(item.pk in self._in_flight for item in items):
            self.settle()  # one statement can't set the same row pending and begin it
        self._beginning = items
        try:
            self._progress.report()
        finally:
            self._beginning = ()
        begun = [item for item in items if item.pk in self._in_flight]
        if not begun and (requested := self._progress.requested):
            raise RunStopped(requested)
        return begun

    def settle(self) -> None:
        """Write the reported outcomes now instead of with the next items: before a pause."""
        if any(outcome.status for outcome in self._in_flight.values()):
            self._progress.report()

    def done(self, item: RunItem, **columns: Any) -> None:
        self._record_outcome(item, ItemStatus.DONE, "", "", columns)

    def failed(self, item: RunItem, error: object, code: str = "error", **columns: Any) -> None:
        self._record_outcome(item, ItemStatus.FAILED, error, code, columns)

    def unknown(self, item: RunItem, reason: object, code: str = "unknown", **columns: Any) -> None:
        self._record_outcome(item, ItemStatus.UNKNOWN, reason, code, columns)

    def put_back(self, item: RunItem) -> None:
        """The effect certainly didn't happen: the item is pending again."""
        self._record_outcome(item, ItemStatus.PENDING, "", "", {})

    def _record_outcome(
        self, item: RunItem, status: ItemStatus, message: object, code: str, columns: dict[str, Any]
    ) -> None:
        outcome = self._in_flight.get(item.pk)
        if outcome is None or outcome.status is not None:
            raise RunsError(f"{item} is not in flight.")
        outcome.status, outcome.columns = status, columns
        outcome.error_code, outcome.error_message = clean(code, 64), clean(message, ERROR_LENGTH)
        if status != ItemStatus.PENDING:
            self._progress.count_item()

    def _write_report(self, run: Run, report: ProgressReport, final_status: FinalStatus | None) -> str:
        """Replaces `flush`. Safe to repeat: an item that is settled or in flight already stays so."""
        outcomes = [outcome for outcome in self._in_flight.values() if outcome.status]
        if final_status:
            outcomes += self._interrupted_outcomes()
        columns = tuple(sorted({name for outcome in outcomes for name in outcome.columns}))
        statement = statements.effects_sql(type(run), bool(outcomes), columns, *statement_variant(final_status))
        parameters = build_parameters(run, report, final_status) | {
            "outcomes": json.dumps([outcome.as_row() for outcome in outcomes]),
            "settled": [outcome.item.pk for outcome in outcomes],
            "begun": [item.pk for item in self._beginning],
        }
        requested, begun, _synchronous = execute_guarded(statement, parameters, final_status)
        for outcome in outcomes:
            self._in_flight.pop(outcome.item.pk, None)
        self._in_flight |= {item.pk: Outcome(item) for item in self._beginning if item.pk in begun}
        return str(requested)

    def _interrupted_outcomes(self) -> list[Outcome]:
        """Of the items that the work was at when it ended."""
        without_status = [outcome for outcome in self._in_flight.values() if outcome.status is None]
        return [Outcome(one.item, ItemStatus.UNKNOWN, "error", NOT_REPORTED) for one in without_status]

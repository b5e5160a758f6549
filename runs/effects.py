"""Effects that can't be undone, such as a message sent: none happens twice, whatever dies when.

An item is in flight, and that is committed, before its effect begins. Its outcome is written by the
statement that puts the next item in flight, together with the counters, the heartbeat and the
question what has been requested: one commit an item. Whatever a lost attempt left in flight is
unknown from then on, and never begun again. The items' table is the cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from .exceptions import RunsError, RunStopped
from .flush import LastWord, Report, guarded_update, parameters_of, quoted, written
from .models import Run, RunItem
from .progress import Progress, clean
from .states import ItemStatus, Status

I = TypeVar("I", bound=RunItem)  # noqa: E741

UNTOLD = "The outcome was never told."

# What an outcome adds to the run's counters. An unknown item is processed, and nothing else.
COUNTED: dict[ItemStatus, tuple[str, ...]] = {
    ItemStatus.PENDING: (),
    ItemStatus.DONE: ("processed", "succeeded"),
    ItemStatus.FAILED: ("processed", "failed"),
    ItemStatus.UNKNOWN: ("processed",),
}


@dataclass
class Outcome:
    """What became of the item in flight. Until the work tells, nobody knows."""

    item: RunItem
    status: ItemStatus = ItemStatus.UNKNOWN
    error_code: str = "error"
    error_message: str = UNTOLD
    columns: dict[str, Any] = field(default_factory=dict)


class Effects:
    """Carries out the items of a run, each at most once.

    `for item in effects.each(items)`: tell the outcome in the body, by `done`, `failed`, `unknown`
    or `put_back`. Raises `RunLost`, and `RunStopped` before an item has begun.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress, self._run = progress, progress.run
        self._outcome: Outcome | None = None
        self._next: RunItem | None = None
        self._begun = False
        progress.fenced(self._take_stock)
        progress._write = self._step

    def _take_stock(self) -> None:
        """The rows of run and items are true at any moment; start from them, after the lost attempt."""
        rows = type(self._run).objects.filter(pk=self._run.pk)
        rows.land()
        items: Any = self._run.items  # type: ignore[attr-defined]  # the items' own foreign key
        rows.update(total=items.count())
        self._run.refresh_from_db(fields=["total", "processed", "failed", "skipped"])
        self._progress.recount()

    def each(self, items: Iterable[I]) -> Iterator[I]:
        """Yield each item once it is in flight; those that somebody settled meanwhile are left out."""
        for item in items:
            if self.begin(item):
                yield item

    def begin(self, item: RunItem) -> bool:
        """Put the item in flight, durably; False when it isn't pending any more."""
        if self._outcome and self._outcome.item.pk == item.pk:
            self.settle()
        self._next, self._begun = item, False
        try:
            self._progress.report()
        finally:
            self._next = None
        if not self._begun:
            if requested := self._progress.requested:
                raise RunStopped(requested)
            return False
        self._outcome = Outcome(item)
        return True

    def settle(self) -> None:
        """Write the outcome now, and not with the next item: before a pause."""
        if self._outcome:
            self._progress.report()

    def done(self, **columns: Any) -> None:
        self._tell(ItemStatus.DONE, "", "", columns)

    def failed(self, error: object, code: str = "error", **columns: Any) -> None:
        self._tell(ItemStatus.FAILED, error, code, columns)

    def unknown(self, reason: object, code: str = "unknown", **columns: Any) -> None:
        self._tell(ItemStatus.UNKNOWN, reason, code, columns)

    def put_back(self) -> None:
        """The effect certainly didn't happen: the item is pending again."""
        self._tell(ItemStatus.PENDING, "", "", {})

    def _tell(self, status: ItemStatus, message: object, code: str, columns: dict[str, Any]) -> None:
        if self._outcome is None:
            raise RunsError("No item is in flight.")
        self._outcome = Outcome(self._outcome.item, status, clean(code, 64), clean(message), columns)
        if COUNTED[status]:
            self._progress.count()

    def _step(self, run: Run, report: Report, last_word: LastWord | None) -> str:
        """In the place of `flush`. Safe to repeat: what is settled or in flight already stays so."""
        outcome = self._outcome
        columns = tuple(outcome.columns) if outcome else ()
        statement = _statement(type(run), outcome and outcome.status, columns, last_word and last_word.status)
        parameters = parameters_of(run, report, last_word) | {"begun": self._next and self._next.pk}
        if outcome:
            parameters |= {f"own_{name}": value for name, value in outcome.columns.items()}
            parameters |= {
                "settled": outcome.item.pk,
                "item_code": outcome.error_code,
                "item_message": outcome.error_message,
            }
        requested, self._begun, _synchronous = written(statement, parameters, last_word)
        self._outcome = None
        return str(requested)


@lru_cache(maxsize=256)
def _statement(model: type[Run], outcome: ItemStatus | None, columns: tuple[str, ...], status: Status | None) -> str:
    items_model = model.item_model()
    if items_model is None:
        raise RunsError(f"{model.__name__} has no items.")
    items = quoted(items_model._meta.db_table)
    parts, counters = [], []
    if outcome:
        # Somebody else may have settled it first, and has counted it then. (A stronger lock than the updates'
        # would make each of them a MultiXact.)
        ours = f"id = %(settled)s AND status = '{ItemStatus.IN_FLIGHT}'"
        parts.append(f"flying AS (SELECT id FROM {items} WHERE {ours} FOR NO KEY UPDATE)")
        counters = [f"{column} = {column} + (SELECT count(*) FROM flying)" for column in COUNTED[outcome]]
    parts.append(f"held AS ({guarded_update(model, status, counters)})")
    if outcome:
        parts.append(f"settled AS ({_settle(items, outcome, columns)})")
    parts.append(f"begun AS ({_begin(items)})")
    # A commit that a crash of the database may forget would let an item begin twice.
    durable = (
        "CASE WHEN current_setting('synchronous_commit') = 'off'"
        " THEN set_config('synchronous_commit', 'local', true) END"
    )
    return f"WITH {', '.join(parts)} SELECT requested, EXISTS (SELECT 1 FROM begun), {durable} FROM held"


def _settle(items: str, outcome: ItemStatus, columns: tuple[str, ...]) -> str:
    told = {"status": f"'{outcome}'", "error_code": "%(item_code)s", "error_message": "%(item_message)s"}
    ours = "id IN (SELECT id FROM flying)"
    assignments = [f"{name} = CASE WHEN {ours} THEN {value} ELSE {name} END" for name, value in told.items()]
    assignments += [f"{quoted(name)} = %(own_{name})s" for name in columns]
    return f"UPDATE {items} SET {', '.join(assignments)} WHERE id = %(settled)s AND EXISTS (SELECT 1 FROM held)"


def _begin(items: str) -> str:
    """In flight already: this very statement, sent again because its answer was lost."""
    return (
        f"UPDATE {items} SET status = '{ItemStatus.IN_FLIGHT}', attempts = attempts + 1,"
        " error_code = '', error_message = ''"
        " WHERE id = %(begun)s AND run_id = %(id)s"
        f" AND status IN ('{ItemStatus.PENDING}', '{ItemStatus.IN_FLIGHT}')"
        " AND EXISTS (SELECT 1 FROM held WHERE requested = '') RETURNING id"
    )

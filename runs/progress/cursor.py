"""Where a new attempt would go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models import Run
from .counts import Counts


class Cursor:
    """The last checkpoint, with the counts as they were there.

    A checkpoint that is given inside an item takes effect when the item is finished, together with its count: a crash
    in the middle of the item repeats it.
    """

    def __init__(self, run: Run, counts: Counts) -> None:
        self.value: dict[str, Any] = run.cursor
        self.counts_at_cursor: dict[str, Any] = run.cursor_counts
        self._counts = counts
        self._pending: dict[str, Any] | None = None  # the open item's checkpoint

    def set_pending(self, changes: Mapping[str, Any]) -> None:
        self._pending = {**(self._pending or self.value), **changes}

    def remember(self, changes: Mapping[str, Any]) -> None:
        """Set what isn't a place: the counts there stay as they are. None drops a value."""
        self.value = _merge(self.value, changes)
        if self._pending is not None:
            self._pending = _merge(self._pending, changes)

    def commit_pending(self) -> None:
        if self._pending is not None:
            self.commit(self._pending)
            self._pending = None

    def drop_pending(self) -> None:
        self._pending = None

    def commit(self, value: dict[str, Any]) -> None:
        self.value, self.counts_at_cursor = value, self._counts.at_cursor()

    def add_weight(self) -> None:
        """Store the weight that is done among the counts at the cursor.

        Its presence tells a new attempt that the bar goes by weight. Before that attempt knows the weights again, it
        must not show a share of the number of items in their place.
        """
        self.counts_at_cursor = {**self.counts_at_cursor, "weight": self._counts.weights.done}


def _merge(value: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in {**value, **changes}.items() if each is not None}

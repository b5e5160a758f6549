"""Items of different size: the bar and the time left go by what they weigh."""

from __future__ import annotations


class Weights:
    """What the items weigh, in any unit, and how much of it is done."""

    def __init__(self, done: float, is_used: bool) -> None:
        self.done = done  # of the items that are finished
        self.total: float | None = None  # None: every item weighs the same, or the weights aren't known yet
        self.is_used = is_used
        self.part = 0.0  # of the open item, from 0 to 1
        self._open = 0.0

    def expect(self, weight: float) -> None:
        """The weight of the items that are still to come."""
        self.total, self.is_used = self.done + weight, True

    def open_item(self, weight: float) -> None:
        self._open = weight

    def correct_open_item(self, weight: float) -> None:
        if self.total is not None:
            self.total += weight - self._open
            self._open = weight

    def advance(self, part: float) -> None:
        self.part = min(1.0, max(self.part, part))

    def close_item(self) -> None:
        self.done += self._open
        self.drop_item()

    def drop_item(self) -> None:
        self._open = self.part = 0.0

    def start_over(self) -> None:
        self.done = 0.0

    @property
    def done_with_part(self) -> float:
        return self.done + self.part * self._open

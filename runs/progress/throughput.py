"""How fast a run went at which time: at most 60 points in its row, drawn on its page."""

from __future__ import annotations

POINTS = 60

# [seconds that attempts have worked, items processed by then], and a 1 behind them where a further attempt begins.
Points = list[list[float]]


class ThroughputHistory:
    """Adds a point once an interval. When there are too many, every second one is dropped and the interval doubled."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self._interval = 1.0
        self._beginning: list[float] | None = None  # of this attempt, until it has a point
        while points and points[-1][0] / self._interval > POINTS:
            self._interval *= 2

    def resume(self, processed: int) -> float:
        """The seconds that earlier attempts have worked; what a run waits for between two of them is no work.

        What a lost attempt had processed since its last point took nobody knows how long, so that no speed is drawn.
        """
        if not self.points:
            return 0.0
        seconds = self.points[-1][0]
        self._beginning = [seconds, max(processed, self.points[-1][1]), 1]
        return seconds

    def note(self, seconds: float, processed: int, *, last: bool = False) -> bool:
        """Add a point if one is due; was it? The last one of an attempt is, if it finished anything.

        A last moment too short to be measured becomes part of the step before it.
        """
        since = seconds - self.points[-1][0] if self.points else self._interval
        if since < self._interval and not (last and processed > self.points[-1][1]):
            return False
        if self._beginning:
            self.points.append(self._beginning)
            self._beginning = None
        point = [round(seconds, 1), processed]
        if since < self._interval / 2 and len(self.points) > 1 and not begins_attempt(self.points[-1]):
            self.points[-1] = point
        else:
            self.points.append(point)
        if len(self.points) > POINTS:
            self._drop_every_second()
        return True

    def _drop_every_second(self) -> None:
        """But the beginnings of attempts stay, unless they are most of the points."""
        kept = [point for n, point in enumerate(self.points) if n % 2 == 0 or begins_attempt(point)]
        self.points = kept if len(kept) <= POINTS * 3 // 4 else self.points[::2]
        self._interval *= 2


def begins_attempt(point: list[float]) -> bool:
    return len(point) > 2

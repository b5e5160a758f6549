"""How fast a run went at which time: at most 60 points in its row, drawn on its page."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

POINTS = 60
WIDTH, HEIGHT = 600, 120  # of the drawing, in its own units

Points = list[list[float]]  # [seconds that attempts have worked, items processed by then]


class ThroughputHistory:
    """Adds a point once an interval. When there are too many, every second one is dropped and the interval doubled."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self._interval = 1.0
        while points and points[-1][0] / self._interval > POINTS:
            self._interval *= 2

    def resume(self, processed: int) -> float:
        """The seconds that earlier attempts have worked; what a run waits for between two of them is no work.

        What a lost attempt had processed since its last point took nobody knows how long, so that no speed is drawn.
        """
        if not self.points:
            return 0.0
        if processed > self.points[-1][1]:
            self.points.append([self.points[-1][0], processed])
        return self.points[-1][0]

    def note(self, seconds: float, processed: int, *, last: bool = False) -> bool:
        """Add a point if one is due; was it? The last one of an attempt is, if it finished anything."""
        since = seconds - self.points[-1][0] if self.points else self._interval
        if since < self._interval and not (last and processed > self.points[-1][1]):
            return False
        self.points.append([round(seconds, 1), processed])
        if len(self.points) > POINTS:
            self.points = self.points[::2]
            self._interval *= 2
        return True


@dataclass(frozen=True)
class Plot:
    """`line` and `area` are SVG paths; `peak` in items a second, `seconds` from end to end."""

    line: str
    area: str
    peak: float
    seconds: float


def plot_throughput(points: Points) -> Plot | None:
    """None where there is too little to draw."""
    steps = [
        (start, end, (done - before) / (end - start))
        for (start, before), (end, done) in pairwise(points)
        if end > start
    ]
    peak = max((rate for *_, rate in steps), default=0)
    if len(steps) < 2 or peak <= 0:
        return None
    first, last = steps[0][0], steps[-1][1]

    def point_at(seconds: float, rate: float) -> str:
        return f"{(seconds - first) / (last - first) * WIDTH:.1f} {HEIGHT - max(0, rate) / peak * (HEIGHT - 6):.1f}"

    middles = [point_at((start + end) / 2, rate) for start, end, rate in steps]
    ends = [point_at(first, steps[0][2]), *middles, point_at(last, steps[-1][2])]
    line = "M" + "L".join(ends)
    return Plot(line, f"{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z", peak, last - first)

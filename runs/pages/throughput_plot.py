"""The picture of how fast a run went: an SVG with axes, a gap where an attempt ended, and its values as a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from statistics import median

from ..durations import format_clock
from ..numbers import format_rate
from ..progress.throughput import Points, begins_attempt

WIDTH, HEIGHT = 600.0, 120.0  # of the drawing, in its own units
GAP = 10.0  # between two attempts: what a run waited for between them is no work, and has no length here


@dataclass(frozen=True)
class Step:
    """From one point to the next; `x` and `width` are in the drawing's units, `rate` in items a second."""

    start: float
    end: float
    rate: float
    x: float = 0.0
    width: float = 0.0

    @property
    def span(self) -> str:
        return f"{format_clock(self.start)}–{format_clock(self.end)}"

    @property
    def rate_text(self) -> str:
        return format_rate(self.rate)


@dataclass(frozen=True)
class Plot:
    """`lines` and `areas` are SVG paths, one an attempt; `gaps` their places; `top` is the axis's highest value."""

    steps: list[Step]
    lines: list[str]
    areas: list[str]
    gaps: list[float]
    top: float
    peak: float
    seconds: float

    @property
    def middle(self) -> float:
        return self.top / 2

    @property
    def peak_text(self) -> str:
        return format_rate(self.peak)

    @property
    def clock(self) -> str:
        return format_clock(self.seconds)


def plot_throughput(points: Points) -> Plot | None:
    """None where there is too little to draw."""
    attempts = measure_attempts(points)
    steps = [step for attempt in attempts for step in attempt]
    peak = max((step.rate for step in steps), default=0.0)
    if len(steps) < 2 or peak <= 0:
        return None
    attempts = place_attempts(attempts)
    top = round_up(peak)
    lines = [draw_line(attempt, top) for attempt in attempts]
    areas = [f"{line}V{HEIGHT:.0f}H{attempt[0].x:.1f}Z" for line, attempt in zip(lines, attempts, strict=True)]
    gaps = [attempt[0].x - GAP / 2 for attempt in attempts[1:]]
    placed = [step for attempt in attempts for step in attempt]
    return Plot(placed, lines, areas, gaps, top, peak, steps[-1].end - steps[0].start)


def measure_attempts(points: Points) -> list[list[Step]]:
    """The steps of each attempt that has some, without those too short to tell a speed."""
    attempts: list[list[Step]] = [[]]
    for (start, before, *_), point in pairwise(points):
        if point[0] > start:
            attempts[-1].append(Step(start, point[0], max(0.0, (point[1] - before) / (point[0] - start))))
        if begins_attempt(point):
            attempts.append([])
    lengths = [step.end - step.start for attempt in attempts for step in attempt]
    shortest = median(lengths) / 2 if lengths else 0.0
    long_enough = ([step for step in attempt if step.end - step.start >= shortest] for attempt in attempts)
    return [attempt for attempt in long_enough if attempt]


def place_attempts(attempts: list[list[Step]]) -> list[list[Step]]:
    """Side by side, as long as they worked."""
    first, last = attempts[0][0].start, attempts[-1][-1].end
    gap = min(GAP, WIDTH / 4 / len(attempts))
    scale = (WIDTH - gap * (len(attempts) - 1)) / (last - first)
    return [
        [
            Step(
                step.start, step.end, step.rate, (step.start - first) * scale + n * gap, (step.end - step.start) * scale
            )
            for step in attempt
        ]
        for n, attempt in enumerate(attempts)
    ]


def draw_line(attempt: list[Step], top: float) -> str:
    """Through the middle of each step, and level at both ends."""
    first, last = attempt[0], attempt[-1]
    corners = [
        (first.x, first.rate),
        *((step.x + step.width / 2, step.rate) for step in attempt),
        (last.x + last.width, last.rate),
    ]
    return "M" + "L".join(f"{x:.1f} {HEIGHT - rate / top * HEIGHT:.1f}" for x, rate in corners)


def round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)

"""Charts as SVG, for the pictures of the operator's home: bars by day, and lines by day over a scale of time.

Series are told apart by pattern, line and mark, not by colour alone. Where the language is written from right to left,
so are the days, and the scale stands at the right. Sizes are units of the view box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

WIDTH, HEIGHT = 360, 170
SCALE, TOP, FOOT, END = 58, 10, 22, 10  # the margins: beside the scale, above, below, and at the other side
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - SCALE - END, HEIGHT - TOP - FOOT
# Ticks of time, in seconds: each is a round one of its unit.
TIME_TICKS: Final = (0.1, 1, 10, 60, 600, 3_600, 36_000, 86_400, 864_000)


@dataclass(frozen=True)
class Series:
    """Values of the days in order; None where a day has none. `name` is the class of its style."""

    name: str
    label: str
    values: Sequence[float | None]


def format_short(value: float) -> str:
    """For the scale: `500`, `20k`, `4M`."""
    for letter, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def format_span(seconds: float) -> str:
    """`0.3 s`, `12 s`, `4.2 min`, `3 h`, `2 days`: two digits are enough to compare."""
    if seconds < 60:
        return _("%(n)s s") % {"n": _two_digits(seconds)}
    if seconds < 3_600:
        return _("%(n)s min") % {"n": _two_digits(seconds / 60)}
    if seconds < 86_400:
        return _("%(n)s h") % {"n": _two_digits(seconds / 3_600)}
    return _("%(n)s d") % {"n": _two_digits(seconds / 86_400)}


def _two_digits(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"


@dataclass(frozen=True)
class Plot:
    """Where the days lie, from the beginning of the axis in the direction of reading, and the shares of its height."""

    days: int
    is_rtl: bool

    def x(self, day: float) -> float:
        offset = PLOT_WIDTH * day / self.days
        return WIDTH - SCALE - offset if self.is_rtl else SCALE + offset

    def left(self, day: int) -> float:
        return self.x(day + 1 if self.is_rtl else day)

    def y(self, share: float) -> float:
        return TOP + PLOT_HEIGHT * (1 - share)

    @property
    def width(self) -> float:
        return PLOT_WIDTH / self.days


def draw_bars(series: Sequence[Series], titles: Sequence[str], ends: tuple[str, str], label: str) -> SafeString:
    """The series on top of each other, a bar for each day. `titles` are shown when a pointer is over a day."""
    plot = Plot(len(titles), get_language_bidi())
    top = nice_ceiling(max(sum(each.values[day] or 0 for each in series) for day in range(plot.days)))
    parts = [_draw_scale(plot, [(value / top, format_short(value)) for value in (0, top / 2, top) if value % 1 == 0])]
    below = [0.0] * plot.days
    for each in series:
        shape = ""
        for day, value in enumerate(each.values):
            if value:
                shape += _bar_path(plot, day, below[day] / top, (below[day] + value) / top)
                below[day] += value
        parts.append(format_html('<path class="picture-{}" d="{}"/>', each.name, shape))
    return _draw(plot, parts, titles, ends, label)


def draw_spans(series: Sequence[Series], titles: Sequence[str], ends: tuple[str, str], label: str) -> SafeString:
    """A line for each series over a logarithmic scale of time. It breaks where a day has no value."""
    plot = Plot(len(titles), get_language_bidi())
    values = [value for each in series for value in each.values if value]
    ticks = time_ticks(min(values, default=1), max(values, default=60))
    low, high = log10(ticks[0]), log10(ticks[-1])

    def share_of(seconds: float) -> float:
        return min(1.0, max(0.0, (log10(seconds) - low) / (high - low)))

    parts = [_draw_scale(plot, [(share_of(tick), format_span(tick)) for tick in ticks])]
    for each in series:
        points = [share_of(value) if value else None for value in each.values]
        parts.append(format_html('<path class="picture-{}" d="{}"/>', each.name, _line_path(plot, points)))
        mark = MARKS[each.name]
        shape = "".join(mark(plot.x(day + 0.5), plot.y(share)) for day, share in enumerate(points) if share is not None)
        parts.append(format_html('<path class="picture-{}-mark" d="{}"/>', each.name, shape))
    return _draw(plot, parts, titles, ends, label)


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 4, 10, 20, 40, 100 …"""
    size = 10 ** floor(log10(value)) if value >= 1 else 1
    return float(next(step * size for step in (1, 2, 4, 10) if step * size >= value))


def time_ticks(least: float, most: float) -> list[float]:
    """The ticks from the last one below to the first one above, at least two."""
    low = max((number for number, tick in enumerate(TIME_TICKS) if tick <= least), default=0)
    high = min((number for number, tick in enumerate(TIME_TICKS) if tick >= most), default=len(TIME_TICKS) - 1)
    return list(TIME_TICKS[min(low, len(TIME_TICKS) - 2) : max(high, low + 1) + 1])


def _draw(
    plot: Plot, parts: Sequence[SafeString], titles: Sequence[str], ends: tuple[str, str], label: str
) -> SafeString:
    return format_html(
        '<svg class="picture" viewBox="0 0 {} {}" role="img" direction="{}" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        "rtl" if plot.is_rtl else "ltr",  # "start" and "end" of texts follow it
        label,
        SafeString("".join(parts)),
        format_html_join(
            "",
            '<text x="{}" y="{}" text-anchor="{}">{}</text>',
            ((plot.x(0), HEIGHT - 6, "start", ends[0]), (plot.x(plot.days), HEIGHT - 6, "end", ends[1])),
        ),
        format_html_join(
            "",
            '<rect class="picture-day" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
            (
                (f"{plot.left(day):.1f}", TOP, f"{plot.width:.1f}", PLOT_HEIGHT, title)
                for day, title in enumerate(titles)
            ),
        ),
    )


def _draw_scale(plot: Plot, ticks: Sequence[tuple[float, str]]) -> SafeString:
    left = plot.x(plot.days) if plot.is_rtl else plot.x(0)
    beside = plot.x(0) + (6 if plot.is_rtl else -6)
    lines = "".join(f"M{left} {plot.y(share):.1f}h{PLOT_WIDTH}" for share, _label in ticks)
    texts = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        ((beside, f"{plot.y(share) + 3.5:.1f}", text) for share, text in ticks),
    )
    return format_html('<path class="picture-grid" d="{}"/>{}', lines, texts)


def _bar_path(plot: Plot, day: int, low: float, high: float) -> str:
    left, width = plot.left(day) + 0.1 * plot.width, 0.8 * plot.width
    return f"M{left:.1f} {plot.y(low):.1f}h{width:.1f}V{plot.y(high):.1f}h{-width:.1f}z"


def _line_path(plot: Plot, points: Sequence[float | None]) -> str:
    shape, pen = "", "M"
    for day, share in enumerate(points):
        if share is None:
            pen = "M"
        else:
            shape += f"{pen}{plot.x(day + 0.5):.1f} {plot.y(share):.1f}"
            pen = "L"
    return shape


MARKS: Final[dict[str, Callable[[float, float], str]]] = {
    "median": lambda x, y: f"M{x - 2.5:.1f} {y:.1f}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z",
    "p95": lambda x, y: f"M{x:.1f} {y - 3.5:.1f}l3.5 6h-7z",
}


def bar_width(value: float, most: float) -> int:
    """In percent, at least one for what isn't zero."""
    return ceil(100 * value / most) if most else 0

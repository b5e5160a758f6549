"""The attempts of a run on a time line: positions for an SVG that fits any width, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import get_language_bidi, gettext

from ..durations import format_elapsed
from ..models import Run
from ..numbers import format_number
from ..readers.attempts import Attempt, Span, attempts_of
from ..states import Status

SHOWN = 25  # the latest
ROW_HEIGHT = 44  # pixels
DRAWN = 95.0  # percent of the width; the rest is for the mark behind the last bar
NARROWEST = 0.5  # percent

# A shape for each way in which an attempt can end, so that nothing depends on colour.
MARKS = {
    Status.COMPLETED: "✓",
    Status.FAILED: "✕",
    Status.CANCELLED: "■",
    Status.PAUSED: "‖",
    Status.QUEUED: "↻",
    None: "…",
}


@dataclass(frozen=True)
class Bar:
    kind: str  # the status that it shows
    start: str  # percent of the width
    width: str
    title: str


@dataclass(frozen=True)
class Row:
    attempt: Attempt
    title: str
    outcome: str
    bars: Sequence[Bar]
    mark: str
    mark_at: str
    top: int  # pixels

    @property
    def duration(self) -> str:
        return format_elapsed(self.attempt.work.seconds) if self.attempt.work else ""

    @property
    def processed(self) -> str:
        return format_number(self.attempt.processed)

    @property
    def waited(self) -> str:
        return format_elapsed(sum(span.seconds for span in self.attempt.waits)) if self.attempt.waits else ""

    @property
    def text_y(self) -> int:
        return self.top + 14

    @property
    def bar_y(self) -> int:
        return self.top + 22

    @property
    def mark_y(self) -> int:
        return self.top + 34


@dataclass(frozen=True)
class Chart:
    rows: Sequence[Row]
    height: int
    began: datetime
    ended: datetime
    left_out: int


def draw_attempts(run: Run, events: Sequence[Any]) -> Chart | None:
    """None for a run whose changes were not recorded."""
    attempts = attempts_of(run, events)
    shown = attempts[-SHOWN:]
    if not shown:
        return None
    scale = Scale(shown[0].began, max(attempt.ended for attempt in shown), is_mirrored=get_language_bidi())
    rows = [draw_row(attempt, scale, n * ROW_HEIGHT) for n, attempt in enumerate(shown)]
    return Chart(rows, len(rows) * ROW_HEIGHT, scale.began, scale.ended, len(attempts) - len(shown))


@dataclass(frozen=True)
class Scale:
    """Time as a percentage of the width; right to left, time runs from the right."""

    began: datetime
    ended: datetime
    is_mirrored: bool

    def percent(self, moment: datetime) -> float:
        whole = max(self.ended - self.began, timedelta(seconds=1))
        return DRAWN * ((moment - self.began) / whole)

    def place(self, percent: float) -> str:
        return f"{100 - percent if self.is_mirrored else percent:.2f}%"

    def bar(self, span: Span) -> Bar:
        start = self.percent(span.began)
        width = max(self.percent(span.ended) - start, NARROWEST)
        title = f"{span.status.label}: {format_elapsed(span.seconds)}"
        return Bar(str(span.status), self.place(start + width if self.is_mirrored else start), f"{width:.2f}%", title)


def draw_row(attempt: Attempt, scale: Scale, top: int) -> Row:
    spans = [*attempt.waits, *([attempt.work] if attempt.work else [])]
    return Row(
        attempt=attempt,
        title=title_of(attempt),
        outcome=outcome_of(attempt),
        bars=[scale.bar(span) for span in spans],
        mark=MARKS[attempt.left_for],
        mark_at=scale.place(max(scale.percent(attempt.ended), NARROWEST) + 1),
        top=top,
    )


def title_of(attempt: Attempt) -> str:
    if attempt.number is None:
        return gettext("Next attempt")
    return gettext("Attempt %(number)s") % {"number": attempt.number}


def outcome_of(attempt: Attempt) -> str:
    """How it left the run, and why; before an attempt, in which status the run waits for it."""
    if attempt.number is None:
        return str(attempt.waits[-1].status.label)
    label = str((attempt.left_for or Status.RUNNING).label)
    reason = str(attempt.reason)
    return label if not reason or reason.casefold() == label.casefold() else f"{label}: {reason}"

"""What a run works on, how, for whom, how far and how fast: what lists and cards show beside its bar.

Lists and cards get the same texts, so that a page never says two things of one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, ngettext

from ..durations import format_elapsed
from ..numbers import format_number, format_rate

if TYPE_CHECKING:
    from .run import Run

SHORTEST_MEASURED = 1.0  # seconds; what took less has no speed


def describe(run: Run) -> dict[str, Any]:
    """Of a run from `fetch_repaired()`. `average_rate` is in items a second, None where it can't be known."""
    unit = run.unit(run.processed if run.total is None else run.total)
    done = run.count_label(run.processed)
    outcomes = outcome_texts(run)
    rate = average_rate(run)
    return {
        "name": run.title(),
        "mode": run.mode_label(),
        "unit": unit,
        "started_by": run.starter_name or "",
        "summary": join([done if run.total is None else f"{count_text(run, run.total)} {unit}", *outcomes]),
        "done": join([done, *outcomes]),
        "result": run.result_label(),
        "took": took_text(run),
        "average_rate": rate,
        "average": "" if rate is None or run.is_active else average_text(rate),
    }


def join(texts: list[str]) -> str:
    return " · ".join(filter(None, texts))


def count_text(run: Run, total: int) -> str:
    return gettext("%(done)s of %(total)s") % {"done": format_number(run.processed), "total": format_number(total)}


def outcome_texts(run: Run) -> list[str]:
    """What not everybody expects: failures, and outcomes that a crash left unknown."""
    texts = []
    if run.failed:
        texts.append(ngettext("%(n)s failed", "%(n)s failed", run.failed) % {"n": format_number(run.failed)})
    if run.unknown > 0:
        texts.append(ngettext("%(n)s unknown", "%(n)s unknown", run.unknown) % {"n": format_number(run.unknown)})
    return texts


def average_rate(run: Run) -> float | None:
    """Over the seconds in which attempts worked: a pause or a time in the queue isn't slow work."""
    seconds = run.worked_seconds or 0
    return run.processed / seconds if seconds >= SHORTEST_MEASURED and run.processed else None


def average_text(rate: float) -> str:
    return gettext("%(rate)s / s on average") % {"rate": format_rate(rate)}


def took_text(run: Run) -> str:
    """From the first claim to the end; empty before it, and where it is less than a second."""
    if run.started_at is None or run.finished_at is None:
        return ""
    seconds = (run.finished_at - run.started_at).total_seconds()
    return format_elapsed(seconds) if seconds >= 1 else ""

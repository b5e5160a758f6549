"""What a run works on, how, for whom, how far and how fast: what lists and cards show beside its bar.

Lists and cards get the same texts, so that a page never says two things of one run.
"""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from ..numbers import format_number
from .period import format_elapsed

if TYPE_CHECKING:
    from .run import Run

SHORTEST_MEASURED = 1.0  # seconds; what took less has no speed


def describe(run: Run) -> dict[str, Any]:
    """Of a run from `fetch_repaired()`. `average_rate` is in items a second, None where it can't be known."""
    return {
        "name": run.title(),
        "mode": run.mode_label(),
        "unit": run.unit(run.total if run.total is not None else run.processed),
        "started_by": run.starter_name or "",
        "summary": join([count_text(run), *outcome_texts(run)]),
        "done": join([run.count_label(run.processed), *outcome_texts(run)]),
        "result": run.result_label(),
        "took": took_text(run),
        "average_rate": average_rate(run),
        "average": average_text(run),
    }


def join(texts: list[str]) -> str:
    return " · ".join(filter(None, texts))


def count_text(run: Run) -> str:
    if run.total is None:
        return run.count_label(run.processed)
    done = gettext("%(done)s of %(total)s") % {"done": format_number(run.processed), "total": format_number(run.total)}
    return f"{done} {run.unit(run.total)}"


def outcome_texts(run: Run) -> list[str]:
    """What not everybody expects: failures, and outcomes that a crash left unknown."""
    failed = ngettext("%(n)s failed", "%(n)s failed", run.failed) % {"n": format_number(run.failed)}
    unknown = ngettext("%(n)s unknown", "%(n)s unknown", run.unknown) % {"n": format_number(run.unknown)}
    return [failed if run.failed else "", unknown if run.unknown > 0 else ""]


def average_rate(run: Run) -> float | None:
    """Over the seconds in which attempts worked: a pause or a time in the queue isn't slow work."""
    seconds = float(run.pace[-1][0]) if run.pace else 0.0
    return run.processed / seconds if seconds >= SHORTEST_MEASURED and run.processed else None


def average_text(run: Run) -> str:
    rate = average_rate(run)
    if rate is None or run.is_active:
        return ""
    return gettext("%(rate)s / s on average") % {"rate": number_format(round_to_two_digits(rate), use_l10n=True)}


def round_to_two_digits(value: float) -> float | int:
    rounded = round(value, 1 - floor(log10(value)))
    return int(rounded) if rounded >= 10 else rounded


def took_text(run: Run) -> str:
    """From the first claim to the end; empty before it, and where it is less than a second."""
    if run.started_at is None or run.finished_at is None:
        return ""
    seconds = (run.finished_at - run.started_at).total_seconds()
    return format_elapsed(seconds) if seconds >= 1 else ""

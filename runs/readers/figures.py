"""The daily figures of the last weeks, for pictures: never counted from the runs themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Final

from django.contrib.postgres.aggregates import ArrayAgg

from ..database import fetch_database_time
from ..models import DailyOutcome, DailySpan, Measure, Run, run_types
from ..models.figures import upper_bound
from ..states import Status

QUANTILES: Final = (0.5, 0.95)  # the median, and what one in twenty exceeds


@dataclass
class TypeFigures:
    """What became of the runs of one type, by the day (UTC) on which they ended."""

    model: type[Run]
    outcomes: Counter[tuple[date, str]] = field(default_factory=Counter)  # by day and status
    reasons: Counter[str] = field(default_factory=Counter)  # of the failed ones, by error code
    items: Counter[date] = field(default_factory=Counter)  # processed by them
    spans: dict[tuple[str, date], list[float]] = field(default_factory=dict)  # QUANTILES in seconds, by measure and day


def fetch_days(number: int) -> list[date]:
    """The last days up to today by the database's clock, the oldest first."""
    today = fetch_database_time().astimezone(UTC).date()
    return [today - timedelta(days=ago) for ago in reversed(range(number))]


def fetch_figures(days: Sequence[date]) -> list[TypeFigures]:
    """Of each type of which runs have ended on these days, in two queries."""
    figures = {model.slug: TypeFigures(model) for model in run_types()}
    outcomes = DailyOutcome.objects.filter(day__gte=days[0], run_type__in=figures).exclude(runs=0)
    for row in outcomes:
        of_type = figures[row.run_type]
        of_type.outcomes[row.day, row.status] += row.runs
        of_type.items[row.day] += row.items
        if row.status == Status.FAILED:
            of_type.reasons[row.error_code] += row.runs
    spans = DailySpan.objects.filter(day__gte=days[0], run_type__in=figures, runs__gt=0)
    by_day = spans.values_list("run_type", "measure", "day").order_by()
    arrays = {"buckets": ArrayAgg("bucket", order_by="bucket"), "numbers": ArrayAgg("runs", order_by="bucket")}
    for run_type, measure, day, buckets, numbers in by_day.annotate(**arrays):
        counted = dict(zip(buckets, numbers, strict=True))
        figures[run_type].spans[Measure(measure), day] = [find_quantile(counted, share) for share in QUANTILES]
    return [of_type for of_type in figures.values() if of_type.outcomes]


def find_quantile(counted: dict[int, int], share: float) -> float:
    """The seconds that this share of the spans doesn't exceed, within the bucket as if they were evenly spread."""
    wanted = share * sum(counted.values())
    below = 0
    for bucket in sorted(counted):
        if below + counted[bucket] >= wanted:
            return upper_bound(bucket - 1 + (wanted - below) / counted[bucket])
        below += counted[bucket]
    raise ValueError("there are no spans")

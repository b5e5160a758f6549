"""The runs of all types, as querysets that pages merge."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ..models import Business, Run, RunQuerySet, run_types
from ..states import ACTIVE, FINISHED, Status


def runs_of(
    businesses: QuerySet[Business],
    *,
    type: type[Run] | None = None,  # noqa: A002  named as in the API
    status: str = "",
    active: bool | None = None,
    **when: Any,
) -> list[RunQuerySet[Run]]:
    """One queryset for each type, for `NewestRuns` to merge. `when`: `from_date` and `to_date`, both inclusive."""
    return [filter_runs(model, businesses, status, active, **when) for model in ((type,) if type else run_types())]


def filter_runs(
    model: type[Run],
    businesses: QuerySet[Business],
    status: str,
    active: bool | None,
    *,
    from_date: Any = None,
    to_date: Any = None,
) -> RunQuerySet[Run]:
    rows = model.objects.filter(business__in=businesses)
    rows.repair()  # before filtering by status: overdue runs must be found among the failed
    if status:
        rows = rows.shown_as(Status(status))
    if active is not None:
        rows = rows.shown_as(*(ACTIVE if active else FINISHED))
    if from_date:
        rows = rows.filter(created_at__date__gte=from_date)
    if to_date:
        rows = rows.filter(created_at__date__lte=to_date)
    return rows

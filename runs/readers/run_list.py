"""Lists of the runs of several types together, newest first: one statement a page, whose SQL is made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache, partial
from typing import Any, NamedTuple, Self

from django.db.models import BooleanField, DateTimeField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from ..models import Business, Run, RunQuerySet
from ..models.compiled_query import CompiledQuery, Placeholder, placeholder
from ..models.run_columns import RunColumns
from ..numbers import LARGEST_ID
from ..states import Status
from .verdict import show_repaired


@dataclass(frozen=True)
class RunFilter:
    """Which runs a list has: of all `models` together, of one business, of a user's businesses, or of one of these."""

    models: tuple[type[Run], ...]
    business: int | None = None
    member: int | None = None  # a user's id
    statuses: frozenset[Status] | None = None  # as readers see them: an overdue run is failed
    from_date: date | None = None
    to_date: date | None = None  # inclusive


class RunPosition(NamedTuple):
    """The position of a run among the runs of all types, newest first."""

    created_at: datetime
    type: str
    id: int

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls(run.created_at, run.slug, run.pk)

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""
        text, slug, pk = str(position).split(" ")
        created_at = datetime.fromisoformat(text)
        if created_at.tzinfo is None:
            raise ValueError("a time without its time zone")
        try:
            return cls(created_at.astimezone(UTC), slug, int(pk))
        except OverflowError as error:
            raise ValueError("a time before the first year or after the last") from error

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()} {self.type} {self.id}"

    def bound_of_ids(self, slug: str) -> int:
        """Of the runs of this type and the position's time, those with a higher id are newer, with a lower one older.

        Runs of the same time are ordered by the names of their types.
        """
        if slug == self.type:
            return max(-LARGEST_ID, min(self.id, LARGEST_ID))
        return LARGEST_ID if slug < self.type else -LARGEST_ID


def fetch_newest(
    wanted: RunFilter, limit: int | None, position: RunPosition | None = None, *, newer: bool = False
) -> list[Run]:
    """The newest runs after `position`, repaired, or with `newer` the oldest before it; at most `limit` (None: all).

    One statement over all types, and more only where it finds an overdue run.
    """
    if wanted.statuses is not None and not wanted.statuses:
        return []
    columns = RunColumns(wanted.models)
    shape = list_shape(wanted, position, newer=newer)
    values = {
        "business": wanted.business,
        "member": wanted.member,
        "from": wanted.from_date and timezone.make_aware(datetime.combine(wanted.from_date, time.min)),
        "to": wanted.to_date and timezone.make_aware(datetime.combine(wanted.to_date, time.max)),
        "limit": limit,
        **(position_values(wanted, position) if position else {}),
    }

    def fetch(*, with_overdue: bool) -> list[Run]:
        query = compile_list(shape._replace(with_overdue=with_overdue))
        return columns.to_runs(query.fetch(values))

    return show_repaired(fetch(with_overdue=True), partial(fetch, with_overdue=False))


def position_values(wanted: RunFilter, position: RunPosition) -> Mapping[str, Any]:
    bounds = {f"id {model.slug}": position.bound_of_ids(model.slug) for model in wanted.models}
    return {"at": position.created_at, **bounds}


class ListShape(NamedTuple):
    """What the SQL of a list depends on. Thresholds are constants in it."""

    models: tuple[type[Run], ...]
    statuses: frozenset[Status] | None
    thresholds: tuple[Any, ...]
    has_business: bool
    has_member: bool
    has_from: bool
    has_to: bool
    has_position: bool
    newer: bool
    with_overdue: bool  # also where they aren't shown in these statuses, to be expired


def list_shape(wanted: RunFilter, position: RunPosition | None, *, newer: bool) -> ListShape:
    return ListShape(
        wanted.models,
        wanted.statuses,
        tuple(model.stale_after() for model in wanted.models),
        wanted.business is not None,
        wanted.member is not None,
        wanted.from_date is not None,
        wanted.to_date is not None,
        position is not None,
        newer,
        with_overdue=False,
    )


@lru_cache(maxsize=256)
def compile_list(shape: ListShape) -> CompiledQuery:
    """For each business and type the first few by an index, and of these the first few."""
    businesses = CompiledQuery.of(select_businesses(shape))
    branches = [CompiledQuery.of(select_branch(shape, model)) for model in shape.models]
    union = " UNION ALL ".join(f"({branch.sql} LIMIT %s)" for branch in branches)
    direction = "ASC" if shape.newer else "DESC"
    sql = f"""
        SELECT run.* FROM ({businesses.sql}) own (id) CROSS JOIN LATERAL ({union}) run
        ORDER BY run.created_at {direction}, run.type COLLATE "C" {direction}, run.id {direction} LIMIT %s
    """  # noqa: S608  the parts are Django's own
    limit = Placeholder("limit")
    of_branches = [each for branch in branches for each in (*branch.parameters, limit)]
    return CompiledQuery(sql, (*businesses.parameters, *of_branches, limit))


def select_businesses(shape: ListShape) -> QuerySet[Any, Any]:
    rows = Business.objects.with_member(placeholder("member")) if shape.has_member else Business.objects.all()
    if shape.has_business:
        rows = rows.filter(pk=placeholder("business"))
    return rows.order_by().values_list("pk")


def select_branch(shape: ListShape, model: type[Run]) -> QuerySet[Any, Any]:
    """Ordered by the business too, of which PostgreSQL doesn't know here that it is one only.

    So no other index than that of a business's newest runs has the order. The staff's index of all runs would have it
    without the business: where PostgreSQL takes businesses for equally large, it read a million runs for a small one's.
    """
    own_column = f'"{model._meta.db_table}"."business_id"'
    of_business = RawSQL(f"{own_column} = ANY(ARRAY[own.id])", [], BooleanField())  # noqa: S611
    rows = filter_runs(shape, model.objects.filter(of_business))
    if shape.has_position:
        side, at = ("gt" if shape.newer else "lt"), placeholder("at", DateTimeField())
        beyond = Q(**{f"created_at__{side}": at}) | Q(**{f"id__{side}": placeholder(f"id {model.slug}")})
        rows = rows.filter(beyond, **{f"created_at__{side}e": at})  # this last one is for the index
    order = ("-business_id", "created_at", "id") if shape.newer else ("business_id", "-created_at", "-id")
    selected: QuerySet[Any, Any] = RunColumns(shape.models).select(rows).order_by(*order)
    return selected


def filter_runs(shape: ListShape, rows: RunQuerySet[Run]) -> RunQuerySet[Run]:
    if shape.statuses is not None:
        statuses = sorted(shape.statuses)
        rows = rows.shown_as_or_overdue(*statuses) if shape.with_overdue else rows.shown_as(*statuses)
    if shape.has_from:
        rows = rows.filter(created_at__gte=placeholder("from", DateTimeField()))
    if shape.has_to:
        rows = rows.filter(created_at__lte=placeholder("to", DateTimeField()))
    return rows

"""Rows of runs as readers select them: the columns of several run types side by side, and how a row becomes a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import F, Field, Value
from django.db.models.functions import Cast

from ..states import FINISHED
from .run import Run
from .run_queryset import MEASURED, READ_WITH_RUN, RunQuerySet

# What only work code needs, and what may be long. A run without them loads them when they are asked for.
UNREAD = (
    "accused_item",
    "claimed_at",
    "cursor",
    "cursor_counts",
    "furthest",
    "idempotency_key",
    "losses",
    "open_item",
    "pace",
    "poison_items",
    "suspect_mode",
    "task_id",
    "worker_boot",
)
TYPE = "type"


@dataclass(frozen=True)
class RunColumns:
    """The columns for runs of some types: what all have in common, the ages, and each type's own."""

    models: tuple[type[Run], ...]

    @property
    def names(self) -> list[str]:
        own = [own_column(model, field) for model in self.models for field in own_fields(model)]
        return [TYPE, *(field.attname for field in common_fields(self.models[0])), *READ_WITH_RUN, *own]

    def select(self, rows: RunQuerySet[Run]) -> Any:
        """The rows of one type, with all these columns: those of other types are null."""
        columns: dict[str, Any] = {TYPE: Value(rows.model.slug)}
        for model in self.models:
            for field in own_fields(model):
                is_own = model is rows.model
                columns[own_column(model, field)] = F(field.attname) if is_own else Cast(Value(None), field)
        return rows.with_ages().annotate(**columns).values_list(*self.names)

    def to_runs(self, rows: Iterable[Sequence[Any]]) -> list[Run]:
        makers = run_makers(self.models)
        return [makers[row[0]](row) for row in rows]


def common_fields(model: type[Run]) -> list[Field[Any, Any]]:
    shared = {field.attname for field in Run._meta.get_fields() if isinstance(field, Field)} - set(UNREAD)
    return [field for field in model._meta.concrete_fields if field.primary_key or field.attname in shared]


def own_fields(model: type[Run]) -> list[Field[Any, Any]]:
    common = {field.attname for field in common_fields(model)} | set(UNREAD)
    return [field for field in model._meta.concrete_fields if field.attname not in common]


def own_column(model: type[Run], field: Field[Any, Any]) -> str:
    return f"{model.slug}_{field.attname}"


@lru_cache(maxsize=64)
def run_makers(models: tuple[type[Run], ...]) -> Mapping[str, Callable[[Sequence[Any]], Run]]:
    """For each type, by its slug, the function that makes a run of a row."""
    names = RunColumns(models).names
    return {model.slug: run_maker(model, names) for model in models}


def run_maker(model: type[Run], names: Sequence[str]) -> Callable[[Sequence[Any]], Run]:
    own = {field.attname for field in own_fields(model)}
    fields = [field for field in model._meta.concrete_fields if field.attname not in UNREAD]
    columns = [own_column(model, field) if field.attname in own else field.attname for field in fields]
    values_of = itemgetter(*map(names.index, columns))
    added_of = itemgetter(*map(names.index, READ_WITH_RUN))
    lasting_of = itemgetter(*(place for place, name in enumerate(names) if name not in MEASURED))
    attributes = frozenset(field.attname for field in fields)
    converters = [
        (place, field.cached_col, converter)
        for place, field in enumerate(fields)
        for converter in field.get_db_converters(connection)
    ]

    def make_run(row: Sequence[Any]) -> Run:
        values = list(values_of(row))
        for place, column, convert in converters:
            values[place] = convert(values[place], column, connection)
        run = model.from_db(connection.alias, attributes, values)
        vars(run).update(zip(READ_WITH_RUN, added_of(row), strict=True))
        if run.status in FINISHED:
            run.ended_row = lasting_of(row)
        return run

    return make_run

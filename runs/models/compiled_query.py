"""Querysets compiled to SQL once: Django builds the same SQL anew each time, which takes longer than its query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import BigIntegerField, Field, Model, QuerySet
from django.db.models.expressions import RawSQL


@cache
def column_names(model: type[Model]) -> tuple[str, ...]:
    """For `values_list()`, and for `from_db()` in the same order."""
    return tuple(field.attname for field in model._meta.concrete_fields)


class Placeholder(str):
    """Among the parameters of SQL: the place of the value of this name."""


def placeholder(name: str, field: Field[Any, Any] | None = None) -> RawSQL:
    """An expression whose value is given when the compiled query is executed."""
    return RawSQL("%s", [Placeholder(name)], field or BigIntegerField())


@dataclass(frozen=True)
class CompiledQuery:
    """SQL with its parameters: constants, and placeholders for values."""

    sql: str
    parameters: tuple[Any, ...]

    @classmethod
    def of(cls, rows: QuerySet[Any, Any]) -> Self:
        """Nothing of `rows` may depend on the request but by its placeholders: the SQL is used for others, too."""
        sql, parameters = rows.query.sql_with_params()
        return cls(sql, tuple(parameters))

    def fetch(self, values: Mapping[str, Any] = MappingProxyType({})) -> list[tuple[Any, ...]]:
        parameters = [values[each] if isinstance(each, Placeholder) else each for each in self.parameters]
        with preparing_cursor() as cursor:
            cursor.execute(self.sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def preparing_cursor() -> CursorWrapper:
    """Django's cursor around psycopg's own one, which lets the server keep the plans of statements that are repeated.

    Django's own writes the parameters into the SQL: planning a list took four times as long as reading it.
    """
    connection.ensure_connection()
    cursor: Any = psycopg.Cursor(connection.connection)
    return connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor)

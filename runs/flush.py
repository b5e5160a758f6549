"""The one guarded statement that carries progress, heartbeat and control.

It commits by itself, writes only while its attempt still holds the run, and brings back what has
been requested of the worker. Item outcomes and the last word (a change of status) ride in the same
statement, so a crash leaves all of them or none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from .exceptions import RunLost, RunsError
from .models import Run, RunItem
from .states import FINISHED, Request, Status

Row = tuple[Any, ...] | None

COUNTERS = ("total", "processed", "succeeded", "failed", "skipped")


@dataclass
class Report:
    """What one flush says. Times are in seconds from the database's now."""

    counters: dict[str, int | None]
    cursor: dict[str, Any]
    cursor_counts: dict[str, int]
    progress_pct: float | None = None
    rate: float | None = None
    advanced: bool = False  # an item was finished since the last flush
    recovered: bool = False  # more was done than any earlier attempt had reported
    silence: float | None = None
    waiting: float | None = None
    waiting_reason: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class LastWord:
    """The status in which the attempt leaves its run."""

    status: Status
    error_code: str = ""
    error_message: str = ""


def flush(run: Run, report: Report, last_word: LastWord | None = None) -> str:
    """Write the report; the answer is what has been requested, or empty.

    Raises `RunLost` when another attempt, a sweep or a person has taken the run away.
    """
    if connection.in_atomic_block:
        # The row would stay locked, and the bar still, until that transaction ends.
        raise RunsError("Report progress outside of transactions.")
    statement = _statement(type(run), _item_columns(report), last_word and last_word.status)
    parameters = _parameters(run, report, last_word)
    row = _told(statement, parameters) if last_word else _prepared(statement, parameters)
    if row is None:
        raise RunLost
    return str(row[0])


def _told(statement: str, parameters: dict[str, Any]) -> Row:
    """By Django's cursor, which brings the timeline its actor and reason."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: Row = cursor.fetchone()
    return row


def _prepared(statement: str, parameters: dict[str, Any]) -> Row:
    """By psycopg's own: Django's puts the values into the text, to be parsed and planned every second anew."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters).fetchone()


def _parameters(run: Run, report: Report, last_word: LastWord | None) -> dict[str, Any]:
    return {
        **report.counters,
        "id": run.pk,
        "attempt": run.attempt,
        "cursor": _json(report.cursor),
        "cursor_counts": _json(report.cursor_counts),
        "progress_pct": report.progress_pct,
        "rate": report.rate,
        "advanced": report.advanced,
        "recovered": report.recovered,
        "silence": report.silence,
        "waiting": report.waiting,
        "waiting_reason": report.waiting_reason,
        "items": _json(report.items) if report.items else None,
        "error_code": last_word.error_code if last_word else "",
        "error_message": last_word.error_message if last_word else "",
    }


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)


def _item_columns(report: Report) -> tuple[str, ...]:
    """The columns that the items' rows name; all rows of a type name the same ones."""
    return tuple(report.items[0]) if report.items else ()


@lru_cache(maxsize=256)
def _statement(model: type[Run], item_columns: tuple[str, ...], status: Status | None) -> str:
    update = _update(model, status)
    items = model.item_model()
    if items is None or not item_columns:
        return update
    return f"WITH held AS ({update}), items AS ({_upsert(items, item_columns)}) SELECT requested FROM held"


def _update(model: type[Run], status: Status | None) -> str:
    assignments = [
        *(f"{column} = %({column})s" for column in COUNTERS),
        "cursor = %(cursor)s::jsonb",
        "cursor_counts = %(cursor_counts)s::jsonb",
        "progress_pct = GREATEST(progress_pct, %(progress_pct)s::float8)",
        "rate = %(rate)s",
        "heartbeat_at = statement_timestamp()",
        "progress_at = CASE WHEN %(advanced)s THEN statement_timestamp() ELSE progress_at END",
        "losses = CASE WHEN %(recovered)s THEN 0 ELSE losses END",
        "silent_until = statement_timestamp() + %(silence)s::float8 * interval '1 second'",
        "waiting_until = statement_timestamp() + %(waiting)s::float8 * interval '1 second'",
        "waiting_reason = %(waiting_reason)s",
        "version = version + 1",
        *_farewell(status),
    ]
    return (
        f"UPDATE {_quote(model._meta.db_table)} SET {', '.join(assignments)}"
        f" WHERE id = %(id)s AND attempt = %(attempt)s AND status = '{Status.RUNNING}'"
        " RETURNING requested"
    )


def _farewell(status: Status | None) -> list[str]:
    """What the last flush of an attempt sets besides."""
    if status is None:
        return []
    farewell = [
        "requested = ''",
        "error_code = %(error_code)s",
        "error_message = %(error_message)s",
    ]
    if status in FINISHED:
        return [*farewell, f"status = '{status}'", "finished_at = statement_timestamp()"]
    # A stronger wish may have come since the last flush: a run that goes on must not forget it.
    wishes = f"WHEN '{Request.CANCEL}' THEN '{Status.CANCELLED}' WHEN '{Request.PAUSE}' THEN '{Status.PAUSED}'"
    return [
        *farewell,
        f"status = CASE requested {wishes} ELSE '{status}' END",
        f"finished_at = CASE requested WHEN '{Request.CANCEL}' THEN statement_timestamp() END",
        "queued_at = statement_timestamp()",
        "dispatched_at = NULL",
        "dispatches = 0",
    ]


def _upsert(items: type[RunItem], columns: tuple[str, ...]) -> str:
    table = _quote(items._meta.db_table)
    names = ", ".join(_quote(column) for column in columns)
    updates = ", ".join(f"{_quote(c)} = EXCLUDED.{_quote(c)}" for c in columns if c != "key")
    return (
        f"INSERT INTO {table} (run_id, attempts, {names})"
        f" SELECT %(id)s, 1, {names} FROM jsonb_populate_recordset(NULL::{table}, %(items)s::jsonb)"
        " WHERE EXISTS (SELECT 1 FROM held)"
        f" ON CONFLICT (run_id, key) DO UPDATE SET {updates}, attempts = {table}.attempts + 1"
    )


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)

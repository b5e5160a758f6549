"""The one guarded statement that carries progress, heartbeat and control.

It commits by itself, writes only while its attempt still holds the run, and brings back what has
been requested of the worker. Item outcomes and the last word (a change of status) ride in the same
statement, so a crash leaves all of them or none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from .exceptions import RunLost, RunsError
from .models import Run, RunItem
from .poison import death_columns
from .states import FINISHED, Request, Status

Row = tuple[Any, ...] | None

COUNTERS = ("total", "processed", "succeeded", "failed", "skipped")
# What an attempt knows by itself; `effects` has it from the rows.
OWN_COUNT = (
    *(f"{column} = %({column})s" for column in COUNTERS),
    "cursor = %(cursor)s::jsonb",
    "cursor_counts = %(cursor_counts)s::jsonb",
)


@dataclass
class Report:
    """What one flush says. Times are in seconds from the database's now."""

    counters: dict[str, int | None]
    cursor: dict[str, Any]
    cursor_counts: dict[str, int]
    progress_pct: float | None = None
    rate: float | None = None
    eta: float | None = None
    pace: list[list[float]] | None = None  # None: as it was
    advanced: bool = False  # an item was finished since the last flush
    reached: float = 0.0  # items finished by this attempt, and the part of the open one
    suspect_mode: bool = False
    open_item: str = ""  # the key of the item that is about to begin, where it is named
    silence: float | None = None
    waiting: float | None = None
    waiting_reason: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)  # columns of the run's own type


@dataclass
class LastWord:
    """The status in which the attempt leaves its run."""

    status: Status
    error_code: str = ""
    error_message: str = ""
    died_in: str | None = None  # the attempt died: the key of the item that was open, empty if nobody knows


def flush(run: Run, report: Report, last_word: LastWord | None = None) -> str:
    """Write the report; the answer is what has been requested, or empty.

    Raises `RunLost` when another attempt, a sweep or a person has taken the run away.
    """
    notes = tuple(report.notes)
    statement = _statement(type(run), _item_columns(report), notes, *kind_of(last_word))
    return str(written(statement, parameters_of(run, report, last_word), last_word)[0])


def written(statement: str, parameters: dict[str, Any], last_word: LastWord | None) -> tuple[Any, ...]:
    """The statement's row. Raises `RunLost` when it has none: its guard didn't hold."""
    if connection.in_atomic_block:
        # The row would stay locked, and the bar still, until that transaction ends.
        raise RunsError("Report progress outside of transactions.")
    row = _told(statement, parameters) if last_word else _prepared(statement, parameters)
    if row is None:
        raise RunLost
    return row


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


def hold(run: Run) -> None:
    """Keep the run from being expired, reset or claimed until the transaction ends. Raises `RunLost`."""
    parameters = {"id": run.pk, "attempt": run.attempt, "stale_after": run.stale_after()}
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():  # BEGIN isn't waited for
        held = _prepared(_holding(type(run)), parameters)
    if held is None:
        raise RunLost


def parameters_of(run: Run, report: Report, last_word: LastWord | None) -> dict[str, Any]:
    return {
        **report.counters,
        "id": run.pk,
        "attempt": run.attempt,
        "stale_after": run.stale_after(),
        "cursor": _json(report.cursor),
        "cursor_counts": _json(report.cursor_counts),
        "progress_pct": report.progress_pct,
        "rate": report.rate,
        "eta": report.eta,
        "pace": None if report.pace is None else _json(report.pace),
        "advanced": report.advanced,
        "reached": report.reached,
        "suspect_mode": report.suspect_mode,
        "open_item": report.open_item,
        "silence": report.silence,
        "waiting": report.waiting,
        "waiting_reason": report.waiting_reason,
        "items": _json(report.items) if report.items else None,
        **{f"note_{name}": value for name, value in report.notes.items()},
        "error_code": last_word.error_code if last_word else "",
        "error_message": last_word.error_message if last_word else "",
        "died_in": (last_word and last_word.died_in) or "",
    }


def kind_of(last_word: LastWord | None) -> tuple[Status | None, bool]:
    """What of a last word shapes its statement: the status, and whether the attempt died."""
    return (last_word.status, last_word.died_in is not None) if last_word else (None, False)


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder) if value else "{}"


def _item_columns(report: Report) -> tuple[str, ...]:
    """The columns that the items' rows name; all rows of a type name the same ones."""
    return tuple(report.items[0]) if report.items else ()


@lru_cache(maxsize=256)
def _statement(
    model: type[Run], item_columns: tuple[str, ...], notes: tuple[str, ...], status: Status | None, died: bool
) -> str:
    update = guarded_update(model, status, (*OWN_COUNT, *_noted(model, notes)), died=died)
    items = model.item_model()
    if items is None or not item_columns:
        return update
    return f"WITH held AS ({update}), items AS ({_upsert(items, item_columns)}) SELECT requested FROM held"


# This attempt's row. Readers may have been told that an overdue run has failed, where they could not write it.
_HELD = (
    f"id = %(id)s AND attempt = %(attempt)s AND status = '{Status.RUNNING}'"
    " AND (heartbeat_at >= statement_timestamp() - %(stale_after)s OR silent_until > statement_timestamp())"
)


@lru_cache(maxsize=256)
def _holding(model: type[Run]) -> str:
    return f"SELECT id FROM {quoted(model._meta.db_table)} WHERE {_HELD} FOR SHARE"


def guarded_update(model: type[Run], status: Status | None, counters: Sequence[str], *, died: bool = False) -> str:
    """The run's part of the statement, returning `requested` while this attempt holds it; else no row."""
    assignments = [
        *counters,
        "progress_pct = GREATEST(progress_pct, %(progress_pct)s::float8)",
        "rate = %(rate)s",
        "eta = %(eta)s",
        "pace = COALESCE(%(pace)s::jsonb, pace)",
        "heartbeat_at = statement_timestamp()",
        "progress_at = CASE WHEN %(advanced)s THEN statement_timestamp() ELSE progress_at END",
        "losses = CASE WHEN %(reached)s::float8 > furthest THEN 0 ELSE losses END",
        "furthest = GREATEST(furthest, %(reached)s::float8)",
        *_poison(died),
        "silent_until = statement_timestamp() + %(silence)s::float8 * interval '1 second'",
        *_waiting(status),
        "version = version + 1",
        *_farewell(status),
    ]
    return f"UPDATE {quoted(model._meta.db_table)} SET {', '.join(assignments)} WHERE {_HELD} RETURNING requested"


def _waiting(status: Status | None) -> list[str]:
    """Until when the attempt waits, or, where it leaves for the queue, the run: not one that is paused or cancelled."""
    columns = {
        "waiting_until": "statement_timestamp() + %(waiting)s::float8 * interval '1 second'",
        "waiting_reason": "%(waiting_reason)s",
    }
    if status == Status.QUEUED:
        ends = {"waiting_until": "NULL", "waiting_reason": "''"}
        stopped = f"requested IN ('{Request.CANCEL}', '{Request.PAUSE}')"
        columns = {name: f"CASE WHEN {stopped} THEN {ends[name]} ELSE {value} END" for name, value in columns.items()}
    return [f"{name} = {value}" for name, value in columns.items()]


def _poison(died: bool) -> list[str]:
    """What a flush says of the item that is open, or a last word of the one that the attempt died in."""
    accused = "CASE WHEN %(reached)s::float8 > furthest THEN '' ELSE accused_item END"  # progress acquits
    if died:
        columns = death_columns("%(died_in)s::text", f"({accused})")
        return [f"{column} = {value}" for column, value in columns.items()]
    return ["suspect_mode = %(suspect_mode)s", "open_item = %(open_item)s", f"accused_item = {accused}"]


def _noted(model: type[Run], notes: tuple[str, ...]) -> list[str]:
    """What work code notes in the columns of its own type: those it shows, and none that every run has."""
    if strange := set(notes).difference(model.public_fields):
        raise RunsError(f"Not among the public fields of {model.__name__}: {', '.join(sorted(strange))}")
    return [f"{quoted(name)} = %(note_{name})s" for name in notes]


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
    table = quoted(items._meta.db_table)
    names = ", ".join(quoted(column) for column in columns)
    updates = ", ".join(f"{quoted(c)} = EXCLUDED.{quoted(c)}" for c in columns if c != "key")
    return (
        f"INSERT INTO {table} (run_id, attempts, {names})"
        f" SELECT %(id)s, 1, {names} FROM jsonb_populate_recordset(NULL::{table}, %(items)s::jsonb)"
        " WHERE EXISTS (SELECT 1 FROM held)"
        f" ON CONFLICT (run_id, key) DO UPDATE SET {updates}, attempts = {table}.attempts + 1"
    )


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)

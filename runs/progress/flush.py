"""The one guarded statement that carries progress, heartbeat and control.

It commits by itself, writes only while its attempt still holds the run, and brings back what has
been requested of the worker. Item outcomes and the final status (a change of status) ride in the same
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

from ..exceptions import RunLost, RunsError
from ..models import Run, RunItem
from ..models.poison import death_columns
from ..states import FINISHED, Status, StopRequest

Row = tuple[Any, ...] | None

COUNTERS = ("total", "processed", "succeeded", "failed", "skipped")
# What an attempt knows by itself; `effects` has it from the rows.
OWN_COUNT = (
    *(f"{column} = %({column})s" for column in COUNTERS),
    "cursor = %(cursor)s::jsonb",
    "cursor_counts = %(cursor_counts)s::jsonb",
)


@dataclass
class ProgressReport:
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
class FinalStatus:
    """The status in which the attempt leaves its run."""

    status: Status
    error_code: str = ""
    error_message: str = ""
    died_in: str | None = None  # the attempt died: the key of the item that was open, empty if nobody knows


def flush(run: Run, report: ProgressReport, final_status: FinalStatus | None = None) -> str:
    """Write the report; the answer is what has been requested, or empty.

    Raises `RunLost` when another attempt, a sweep or a person has taken the run away.
    """
    notes = tuple(report.notes)
    statement = _statement(type(run), _item_columns(report), notes, *shape_of(final_status))
    return str(execute_guarded(statement, build_parameters(run, report, final_status), final_status)[0])


def execute_guarded(statement: str, parameters: dict[str, Any], final_status: FinalStatus | None) -> tuple[Any, ...]:
    """The statement's row. Raises `RunLost` when it has none: its guard didn't hold."""
    if connection.in_atomic_block:
        # The row would stay locked, and the bar still, until that transaction ends.
        raise RunsError("Report progress outside of transactions.")
    row = _execute_with_context(statement, parameters) if final_status else _execute_prepared(statement, parameters)
    if row is None:
        raise RunLost
    return row


def _execute_with_context(statement: str, parameters: dict[str, Any]) -> Row:
    """By Django's cursor, which brings the timeline its actor and reason."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: Row = cursor.fetchone()
    return row


def _execute_prepared(statement: str, parameters: dict[str, Any]) -> Row:
    """By psycopg's own: Django's puts the values into the text, to be parsed and planned every second anew."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters).fetchone()


def lock_attempt(run: Run) -> None:
    """Keep the run from being expired, reset or claimed until the transaction ends. Raises `RunLost`."""
    parameters = {"id": run.pk, "attempt": run.attempt, "stale_after": run.stale_after()}
    if _execute_prepared(_lock_statement(type(run)), parameters) is None:
        raise RunLost


def build_parameters(run: Run, report: ProgressReport, final_status: FinalStatus | None) -> dict[str, Any]:
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
        "error_code": final_status.error_code if final_status else "",
        "error_message": final_status.error_message if final_status else "",
        "died_in": (final_status and final_status.died_in) or "",
    }


def shape_of(final_status: FinalStatus | None) -> tuple[Status | None, bool]:
    """What of a final status shapes its statement: the status, and whether the attempt died."""
    return (final_status.status, final_status.died_in is not None) if final_status else (None, False)


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder) if value else "{}"


def _item_columns(report: ProgressReport) -> tuple[str, ...]:
    """The columns that the items' rows name; all rows of a type name the same ones."""
    return tuple(report.items[0]) if report.items else ()


@lru_cache(maxsize=256)
def _statement(
    model: type[Run], item_columns: tuple[str, ...], notes: tuple[str, ...], status: Status | None, died: bool
) -> str:
    update = guarded_update(model, status, (*OWN_COUNT, *_note_assignments(model, notes)), died=died)
    items = model.item_model()
    if items is None or not item_columns:
        return update
    return f"WITH held AS ({update}), items AS ({_upsert(items, item_columns)}) SELECT requested FROM held"


# This attempt's row. Readers may have been told that an overdue run has failed, where they could not write it.
_OWN_ATTEMPT = (
    f"id = %(id)s AND attempt = %(attempt)s AND status = '{Status.RUNNING}'"
    " AND (heartbeat_at >= statement_timestamp() - %(stale_after)s OR silent_until > statement_timestamp())"
)


@lru_cache(maxsize=256)
def _lock_statement(model: type[Run]) -> str:
    return f"SELECT id FROM {quote(model._meta.db_table)} WHERE {_OWN_ATTEMPT} FOR SHARE"


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
        *_poison_assignments(died),
        "silent_until = statement_timestamp() + %(silence)s::float8 * interval '1 second'",
        *_waiting_assignments(status),
        "version = version + 1",
        *_final_assignments(status),
    ]
    return f"UPDATE {quote(model._meta.db_table)} SET {', '.join(assignments)} WHERE {_OWN_ATTEMPT} RETURNING requested"


def _waiting_assignments(status: Status | None) -> list[str]:
    """Until when the attempt waits, or, where it leaves for the queue, the run: not one that is paused or cancelled."""
    columns = {
        "waiting_until": "statement_timestamp() + %(waiting)s::float8 * interval '1 second'",
        "waiting_reason": "%(waiting_reason)s",
    }
    if status == Status.QUEUED:
        ends = {"waiting_until": "NULL", "waiting_reason": "''"}
        stopped = f"requested IN ('{StopRequest.CANCEL}', '{StopRequest.PAUSE}')"
        columns = {name: f"CASE WHEN {stopped} THEN {ends[name]} ELSE {value} END" for name, value in columns.items()}
    return [f"{name} = {value}" for name, value in columns.items()]


def _poison_assignments(died: bool) -> list[str]:
    """What a flush says of the item that is open, or a final status of the one that the attempt died in."""
    accused = "CASE WHEN %(reached)s::float8 > furthest THEN '' ELSE accused_item END"  # progress acquits
    if died:
        columns = death_columns("%(died_in)s::text", f"({accused})")
        return [f"{column} = {value}" for column, value in columns.items()]
    return ["suspect_mode = %(suspect_mode)s", "open_item = %(open_item)s", f"accused_item = {accused}"]


def _note_assignments(model: type[Run], notes: tuple[str, ...]) -> list[str]:
    """What work code notes in the columns of its own type: those it shows, and none that every run has."""
    if strange := set(notes).difference(model.public_fields):
        raise RunsError(f"Not among the public fields of {model.__name__}: {', '.join(sorted(strange))}")
    return [f"{quote(name)} = %(note_{name})s" for name in notes]


def _final_assignments(status: Status | None) -> list[str]:
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
    wishes = f"WHEN '{StopRequest.CANCEL}' THEN '{Status.CANCELLED}' WHEN '{StopRequest.PAUSE}' THEN '{Status.PAUSED}'"
    return [
        *farewell,
        f"status = CASE requested {wishes} ELSE '{status}' END",
        f"finished_at = CASE requested WHEN '{StopRequest.CANCEL}' THEN statement_timestamp() END",
        "queued_at = statement_timestamp()",
        "dispatched_at = NULL",
        "dispatches = 0",
    ]


def _upsert(items: type[RunItem], columns: tuple[str, ...]) -> str:
    table = quote(items._meta.db_table)
    names = ", ".join(quote(column) for column in columns)
    updates = ", ".join(f"{quote(c)} = EXCLUDED.{quote(c)}" for c in columns if c != "key")
    return (
        f"INSERT INTO {table} (run_id, attempts, {names})"
        f" SELECT %(id)s, 1, {names} FROM jsonb_populate_recordset(NULL::{table}, %(items)s::jsonb)"
        " WHERE EXISTS (SELECT 1 FROM held)"
        f" ON CONFLICT (run_id, key) DO UPDATE SET {updates}, attempts = {table}.attempts + 1"
    )


def quote(name: str) -> str:
    return connection.ops.quote_name(name)

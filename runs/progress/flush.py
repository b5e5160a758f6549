"""The one guarded statement that writes progress and heartbeat, and reads what has been requested.

It commits by itself, and writes only while the run is still its attempt's. Outcomes of items and the final status are
written by the same statement, so a crash leaves all of them or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from ..database import fetch_pipelined
from ..exceptions import RunLost, RunsError
from ..models import Run, statements
from ..models.audit import AUDIT_COLUMNS, surrounding_audit_parameters
from ..states import Status

T = TypeVar("T")
Row = tuple[Any, ...] | None


@dataclass
class ProgressReport:
    """What one flush writes. Times are in seconds from the database's now."""

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
    """Write the report. Returns what has been requested, or an empty text.

    Raises `RunLost` when another attempt, a sweep or a person has taken the run away.
    """
    notes = tuple(report.notes)
    statement = statements.flush_sql(type(run), _item_columns(report), notes, *statement_variant(final_status))
    return str(execute_guarded(statement, build_parameters(run, report, final_status), final_status)[0])


def execute_guarded(statement: str, parameters: dict[str, Any], final_status: FinalStatus | None) -> tuple[Any, ...]:
    """The statement's row. Raises `RunLost` when there is none: the guard refused the write."""
    if connection.in_atomic_block:
        # Until that transaction ends the row would stay locked, and readers would see nothing of the report.
        raise RunsError("Report progress outside of transactions.")
    row = _execute_with_context(statement, parameters) if final_status else execute_prepared(statement, parameters)
    if row is None:
        raise RunLost
    return row


def _execute_with_context(statement: str, parameters: dict[str, Any]) -> Row:
    """In one round trip and transaction with the actor and reason of `audit_context`, for the timeline."""
    audit = (f"SELECT {AUDIT_COLUMNS}", surrounding_audit_parameters())
    _audit, rows = fetch_pipelined([audit, (statement, parameters)])
    return next(iter(rows), None)


def execute_prepared(statement: str, parameters: dict[str, Any]) -> Row:
    """By psycopg's own cursor, with a plan that the server keeps. (Django's writes the values into the text, which is
    parsed and planned anew each time.) Tests replace it to stop before each flush.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters).fetchone()


def lock_attempt(run: Run) -> None:
    """Lock the row: nobody can expire, reset or claim the run before the transaction ends. Raises `RunLost`."""
    parameters = {"id": run.pk, "attempt": run.attempt, "stale_after": run.stale_after()}
    [rows] = fetch_pipelined([(statements.lock_attempt_sql(type(run)), parameters)])  # BEGIN isn't waited for
    if not rows:
        raise RunLost


def write_fenced(run: Run, write: Callable[[], T]) -> T:
    """Call `write` in a transaction that commits only while this attempt owns the run. Raises `RunLost` before it."""
    with transaction.atomic():
        lock_attempt(run)
        return write()


def build_parameters(run: Run, report: ProgressReport, final_status: FinalStatus | None) -> dict[str, Any]:
    return {
        **report.counters,
        "id": run.pk,
        "attempt": run.attempt,
        "stale_after": run.stale_after(),
        "cursor": _to_json(report.cursor),
        "cursor_counts": _to_json(report.cursor_counts),
        "progress_pct": report.progress_pct,
        "rate": report.rate,
        "eta": report.eta,
        "pace": None if report.pace is None else _to_json(report.pace),
        "advanced": report.advanced,
        "reached": report.reached,
        "suspect_mode": report.suspect_mode,
        "open_item": report.open_item,
        "silence": report.silence,
        "waiting": report.waiting,
        "waiting_reason": report.waiting_reason,
        "items": _to_json(report.items) if report.items else None,
        **{f"note_{name}": value for name, value in report.notes.items()},
        "error_code": final_status.error_code if final_status else "",
        "error_message": final_status.error_message if final_status else "",
        "died_in": (final_status and final_status.died_in) or "",
    }


def statement_variant(final_status: FinalStatus | None) -> tuple[Status | None, bool]:
    """What the statement's text depends on: the final status, and whether the attempt died."""
    return (final_status.status, final_status.died_in is not None) if final_status else (None, False)


def _to_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder) if value else "{}"


def _item_columns(report: ProgressReport) -> tuple[str, ...]:
    """The columns that the items' rows name; all rows of a type name the same ones."""
    return tuple(report.items[0]) if report.items else ()

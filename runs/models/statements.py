"""The guarded statements: how a run is flushed, locked and expired, and how its items begin and end.

The WHERE clause of each names what its writer relies on: the status that the run comes from, or the attempt that works
on it. Where that is no longer true, the statement changes nothing and returns no row, and the writer knows that it has
lost the run. Nothing is read first and written afterwards, so no other write can come in between (G2, G4).

`%(name)s` is a parameter. Tables and columns come from the models, quoted; nothing else is written into the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from django.db import connection

from ..exceptions import RunsError
from ..states import FINISHED, ErrorCode, ItemStatus, Status, StopRequest
from .poison import death_columns

if TYPE_CHECKING:
    from .item import RunItem
    from .run import Run

Assignments = dict[str, str]  # a column, and the SQL of its new value

# The message that users see: in the row of an expired run, and shown by readers where nobody could write the row.
STALE_MESSAGE: Final = "Run marked as failed due to no heartbeat for %ss"

# What a run loses when it leaves `running`, by whatever way.
WHEN_LEAVING: Final[Mapping[str, str]] = {
    "requested": "''",
    "silent_until": "NULL",
    "waiting_until": "NULL",
    "waiting_reason": "''",
}
# What a run gets when it goes back to the queue.
WHEN_REQUEUED: Final[Mapping[str, str]] = {
    "queued_at": "statement_timestamp()",
}

# The row of this attempt. An overdue run is refused its writes even before anybody has expired it: while the database
# took no writes, readers were already shown that it failed.
_OWN_ATTEMPT: Final = f"""
    id = %(id)s AND attempt = %(attempt)s AND status = '{Status.RUNNING}'
    AND (heartbeat_at >= statement_timestamp() - %(stale_after)s OR silent_until > statement_timestamp())
"""

COUNTERS: Final = ("total", "processed", "succeeded", "failed", "skipped")


def quote_name(name: str) -> str:
    return connection.ops.quote_name(name)


def table_of(model: type[Run | RunItem]) -> str:
    return quote_name(model._meta.db_table)


# Lock: called before a write by work code, in the same transaction. Guard: this attempt. While the lock is held
# nobody can expire, reset or claim the run.


@lru_cache(maxsize=64)
def lock_attempt_sql(model: type[Run]) -> str:
    return f"SELECT id FROM {table_of(model)} WHERE {_OWN_ATTEMPT} FOR SHARE"


# Expire: called by the sweep and by readers. `overdue_sql` selects the rows. Guarded twice: the subquery locks them and
# judges, the outer condition keeps the transition legal. A row that somebody writes at this moment is left out.
# Returns what is logged of each.


def expire_sql(model: type[Run], overdue_sql: str) -> str:
    age = "floor(extract(epoch FROM statement_timestamp() - heartbeat_at))::bigint"
    assignments: Assignments = {
        "status": f"'{Status.FAILED}'",
        "error_code": f"'{ErrorCode.STALE}'",
        "error_message": f"format('{STALE_MESSAGE.replace('%', '%%')}', {age})",
        "finished_at": "statement_timestamp()",
        **WHEN_LEAVING,
        **death_columns(),
        "version": "version + 1",
    }
    return f"""
        UPDATE {table_of(model)} SET {_join_assignments(assignments)}
        WHERE id IN ({overdue_sql} FOR UPDATE SKIP LOCKED) AND status = '{Status.RUNNING}'
        RETURNING id, business_id, worker, {age} AS age
    """


# Flush: called once a second by an attempt, and once more when it ends. Guard: this attempt. One statement carries the
# counters, the heartbeat, the outcomes of items and, at the end, the status: a crash leaves all of it or nothing.
# Returns what has been requested of the attempt.


@lru_cache(maxsize=256)
def flush_sql(
    model: type[Run], item_columns: tuple[str, ...], notes: tuple[str, ...], status: Status | None, died: bool
) -> str:
    """`status` is the one in which the attempt leaves its run, None while it works; `died`: by an exception."""
    counters = {
        **{column: f"%({column})s" for column in COUNTERS},
        "cursor": "%(cursor)s::jsonb",
        "cursor_counts": "%(cursor_counts)s::jsonb",
        **_assign_notes(model, notes),
    }
    update = _update_attempt_sql(model, counters, status, died)
    items = model.item_model()
    if items is None or not item_columns:
        return update
    return f"""
        WITH own_run AS ({update}), items AS ({_upsert_items_sql(items, item_columns)})
        SELECT requested FROM own_run
    """


_WAITING_UNTIL: Final = "statement_timestamp() + %(waiting)s::float8 * interval '1 second'"


def _update_attempt_sql(model: type[Run], counters: Assignments, status: Status | None, died: bool) -> str:
    assignments: Assignments = {
        **counters,
        "progress_pct": "GREATEST(progress_pct, %(progress_pct)s::float8)",
        "rate": "%(rate)s",
        "eta": "%(eta)s",
        "pace": "COALESCE(%(pace)s::jsonb, pace)",
        "heartbeat_at": "statement_timestamp()",
        "progress_at": "CASE WHEN %(advanced)s THEN statement_timestamp() ELSE progress_at END",
        "losses": "CASE WHEN %(reached)s::float8 > furthest THEN 0 ELSE losses END",
        "furthest": "GREATEST(furthest, %(reached)s::float8)",
        **_assign_open_item(died),
        "silent_until": "statement_timestamp() + %(silence)s::float8 * interval '1 second'",
        "waiting_until": _WAITING_UNTIL,
        "waiting_reason": "%(waiting_reason)s",
        "version": "version + 1",
        **_assign_when_leaving(status),
    }
    return f"UPDATE {table_of(model)} SET {_join_assignments(assignments)} WHERE {_OWN_ATTEMPT} RETURNING requested"


def _assign_when_leaving(status: Status | None) -> Assignments:
    """What the last flush of an attempt sets in addition."""
    if status is None:
        return {}
    leaving: Assignments = {
        **WHEN_LEAVING,
        "error_code": "%(error_code)s",
        "error_message": "%(error_message)s",
    }
    if status in FINISHED:
        return {**leaving, "status": f"'{status}'", "finished_at": "statement_timestamp()"}
    # A cancel or a pause that was requested since the last flush wins over going back to the queue, and over a wait.
    stopped = {StopRequest.CANCEL: Status.CANCELLED, StopRequest.PAUSE: Status.PAUSED}
    statuses = " ".join(f"WHEN '{request}' THEN '{target}'" for request, target in stopped.items())
    return {
        **leaving,
        **WHEN_REQUEUED,
        **(_assign_wait_in_queue() if status == Status.QUEUED else {}),
        "status": f"CASE requested {statuses} ELSE '{status}' END",
        "finished_at": f"CASE requested WHEN '{StopRequest.CANCEL}' THEN statement_timestamp() END",
    }


def _assign_wait_in_queue() -> Assignments:
    """Until when nobody may claim the run, and why. A run that is cancelled or paused doesn't wait."""
    stopped = f"requested IN ('{StopRequest.CANCEL}', '{StopRequest.PAUSE}')"
    return {
        "waiting_until": f"CASE WHEN {stopped} THEN NULL ELSE {_WAITING_UNTIL} END",
        "waiting_reason": f"CASE WHEN {stopped} THEN '' ELSE %(waiting_reason)s END",
    }


def _assign_open_item(died: bool) -> Assignments:
    """The item that is named as open, or, at a death, the one that the attempt died in (G7).

    Progress clears the accusation.
    """
    accused = "CASE WHEN %(reached)s::float8 > furthest THEN '' ELSE accused_item END"
    if died:
        return death_columns("%(died_in)s::text", f"({accused})")
    return {"suspect_mode": "%(suspect_mode)s", "open_item": "%(open_item)s", "accused_item": accused}


def _assign_notes(model: type[Run], notes: tuple[str, ...]) -> Assignments:
    """Columns of the run's own type, among its public fields."""
    if strange := set(notes).difference(model.public_fields):
        raise RunsError(f"Not among the public fields of {model.__name__}: {', '.join(sorted(strange))}")
    return {quote_name(name): f"%(note_{name})s" for name in notes}


def _upsert_items_sql(items: type[RunItem], columns: tuple[str, ...]) -> str:
    table = table_of(items)
    names = ", ".join(quote_name(column) for column in columns)
    updates = ", ".join(
        f"{quote_name(column)} = EXCLUDED.{quote_name(column)}" for column in columns if column != "key"
    )
    return f"""
        INSERT INTO {table} (run_id, attempts, {names})
        SELECT %(id)s, 1, {names} FROM jsonb_populate_recordset(NULL::{table}, %(items)s::jsonb)
        WHERE EXISTS (SELECT 1 FROM own_run)
        ON CONFLICT (run_id, key) DO UPDATE SET {updates}, attempts = {table}.attempts + 1
    """


# Effects: called in the place of a flush by an attempt whose items can't be undone. Guard: this attempt. It settles the
# items that have an outcome, counts them by what the table says, and puts the next ones in flight.
# Returns what has been requested of the attempt, and the ids of the items that have begun.


@lru_cache(maxsize=256)
def effects_sql(
    model: type[Run], has_outcomes: bool, columns: tuple[str, ...], status: Status | None, died: bool
) -> str:
    items = model.item_model()
    if items is None:
        raise RunsError(f"{model.__name__} has no items.")
    counters = {"cursor": "%(cursor)s::jsonb", **(_count_by_table() if has_outcomes else {})}
    parts = {
        **(_outcome_ctes(model, items) if has_outcomes else {}),
        "own_run": _update_attempt_sql(model, counters, status, died),
        **({"settled": _settle_items_sql(items, columns)} if has_outcomes else {}),
        "begun": _begin_items_sql(items),
    }
    # A commit that a crash of the database may forget would let an item begin twice.
    durably = """
        CASE WHEN current_setting('synchronous_commit') = 'off'
        THEN set_config('synchronous_commit', 'local', true) END
    """
    ctes = ", ".join(f"{name} AS ({sql})" for name, sql in parts.items())
    return f"WITH {ctes} SELECT requested, ARRAY(SELECT id FROM begun), {durably} FROM own_run"


# By the key alone, or the planner might read the whole table: it doesn't know how few they are.
_SETTLED_ITEM: Final = "item.id = ANY(%(settled)s::bigint[])"


def _outcome_ctes(model: type[Run], items: type[RunItem]) -> dict[str, str]:
    """The run is locked before its items, as by every writer of both: `in_flight` locks only what joins to `locked`.

    Somebody else may have settled an item first, and has counted it then. (A lock that is stronger than the update's
    would make each of them a MultiXact.)
    """
    return {
        "outcome": f"SELECT * FROM jsonb_populate_recordset(NULL::{table_of(items)}, %(outcomes)s::jsonb)",
        "locked": f"""
            SELECT id FROM {table_of(model)}
            WHERE id = %(id)s AND attempt = %(attempt)s AND status = '{Status.RUNNING}'
            FOR NO KEY UPDATE
        """,
        "in_flight": f"""
            SELECT item.id, outcome.status
            FROM {table_of(items)} item
            JOIN outcome ON item.id = outcome.id
            JOIN locked ON locked.id = item.run_id
            WHERE {_SETTLED_ITEM} AND item.status = '{ItemStatus.IN_FLIGHT}'
            ORDER BY item.id
            FOR NO KEY UPDATE OF item
        """,
    }


def _count_by_table() -> Assignments:
    """An unknown item is processed, and nothing else."""
    conditions = {
        "processed": f"status <> '{ItemStatus.PENDING}'",
        "succeeded": f"status = '{ItemStatus.DONE}'",
        "failed": f"status = '{ItemStatus.FAILED}'",
    }
    return {
        counter: f"{counter} + (SELECT count(*) FROM in_flight WHERE {condition})"
        for counter, condition in conditions.items()
    }


def _settle_items_sql(items: type[RunItem], columns: tuple[str, ...]) -> str:
    """Another writer may have settled an item first, and know more, such as that it was delivered: that stays."""
    ours = "item.id IN (SELECT id FROM in_flight)"
    names = [quote_name(name) for name in ("status", "error_code", "error_message", *columns)]
    assignments = {
        name: f"CASE WHEN {ours} THEN COALESCE(outcome.{name}, item.{name}) ELSE item.{name} END" for name in names
    }
    return f"""
        UPDATE {table_of(items)} item SET {_join_assignments(assignments)}
        FROM outcome
        WHERE item.id = outcome.id AND {_SETTLED_ITEM} AND EXISTS (SELECT 1 FROM own_run)
    """


def _begin_items_sql(items: type[RunItem]) -> str:
    """By the items' keys alone: the planner might prefer the run's index.

    An item that is in flight already: this very statement, sent again because its answer was lost. A stop that was
    requested meanwhile doesn't undo it: the item would stay in flight, and nobody would know of it.
    """
    return f"""
        UPDATE {table_of(items)} item SET
            status = '{ItemStatus.IN_FLIGHT}',
            attempts = attempts + 1,
            error_code = '',
            error_message = ''
        WHERE item.id = ANY(%(begun)s::bigint[])
            AND EXISTS (SELECT 1 FROM own_run)
            AND (
                item.status = '{ItemStatus.IN_FLIGHT}'
                OR item.status = '{ItemStatus.PENDING}' AND {items.begins_if}
                    AND EXISTS (SELECT 1 FROM own_run WHERE requested = '')
            )
        RETURNING item.id
    """


def _join_assignments(assignments: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {value}" for column, value in assignments.items())

"""Runs by the million, made by the server itself. Needs a role that may set `session_replication_role`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from receipts.models import ReceiptSyncRun
from runs.drill.models import DrillRun
from runs.models import Business, Run
from runs.states import ErrorCode, Status

from . import database

TABLE = ReceiptSyncRun._meta.db_table
EVENTS = f"{TABLE}event"


def add_businesses(number: int) -> None:
    made = [Business(name=f"Seeded {n}", slug=f"seeded-{n}") for n in range(number)]
    Business.objects.bulk_create(made, batch_size=1000)


def add_finished(number: int, model: type[Run] = ReceiptSyncRun, *, seconds_apart: float = 5) -> None:
    """Runs of all businesses that ended a day ago and before: nineteen of twenty completed, the other expired."""
    expired = "g % 20 = 0"
    before = f"({number} - g) * interval '{seconds_apart} seconds'"
    with _secondary_indexes_made_later(model):
        _multiply(
            model,
            number,
            status=f"CASE WHEN {expired} THEN '{Status.FAILED}' ELSE '{Status.COMPLETED}' END",
            error_code=f"CASE WHEN {expired} THEN '{ErrorCode.STALE}' ELSE '' END",
            created_at=f"now() - interval '2 days' - {before}",
            started_at=f"now() - interval '2 days' - {before} + (g % 600) * interval '1 second'",
            finished_at=f"now() - interval '1 day' - {before}",
        )
    database.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")


def add_running(number: int) -> None:
    """Runs that are worked on, one for each of the first businesses."""
    columns = {"status": f"'{Status.RUNNING}'", "attempt": "1", "worker": "'benchmark'", "heartbeat_at": "now()"}
    _multiply(ReceiptSyncRun, number, **columns)
    database.execute(f"VACUUM (ANALYZE) {TABLE}")


def add_queued(number: int) -> None:
    """Drills that wait for a worker, of all businesses in turn."""
    _multiply(DrillRun, number, queued_at=f"now() - ({number} - g) * interval '1 millisecond'")
    database.execute(f"VACUUM (ANALYZE) {DrillRun._meta.db_table}")


def _multiply(model: type[Run], number: int, **columns: str) -> None:
    """Insert copies of one run, with other values in some columns; `g` counts them from 1."""
    sample = database.queued_drill() if model is DrillRun else database.queued_run()
    table = model._meta.db_table
    names = [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    columns["business_id"] = "businesses.ids[1 + g % cardinality(businesses.ids)]"
    values = ", ".join(columns.get(name, f"sample.{connection.ops.quote_name(name)}") for name in names)
    with without_triggers():
        database.execute(
            f"INSERT INTO {table} ({', '.join(map(connection.ops.quote_name, names))}) SELECT {values}"
            f" FROM (SELECT * FROM {table} WHERE id = {sample.pk}) sample,"
            " (SELECT array_agg(id ORDER BY id) AS ids FROM runs_business WHERE slug LIKE 'seeded-%') businesses,"
            f" generate_series(1, {number}) g"
        )
    sample.delete()


@contextmanager
def without_triggers() -> Iterator[None]:
    """One transaction in which no trigger fires and no foreign key is checked."""
    with transaction.atomic():
        database.execute("SET LOCAL session_replication_role = replica")
        yield


@contextmanager
def _secondary_indexes_made_later(model: type[Run]) -> Iterator[None]:
    """An index that is built at once takes a fraction of the time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
            [model._meta.db_table],
        )
        indexes = cursor.fetchall()
    for name, _definition in indexes:
        database.execute(f"DROP INDEX {name}")
    yield
    for _name, definition in indexes:
        database.execute(definition)

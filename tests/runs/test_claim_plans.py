"""A claim reads partial indexes only, which hold what is queued or running: a long history costs it nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from runs.drill.models import DrillRun
from runs.models import Business, Run, claim_statements
from runs.states import Status

pytestmark = pytest.mark.django_db

FINISHED, QUEUED, BUSINESSES = 3_000, 200, 20
TABLE = DrillRun._meta.db_table
TYPE: type[Run] = DrillRun

OF_BUSINESS, OF_ALL = ((TYPE,), True), ((TYPE,), False)
STATEMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "the first heads": (
        claim_statements.first_heads_sql(TYPE, (TYPE,)),
        {"queue": TYPE.queue, "first": 20, "few": 5},
    ),
    "all heads": (claim_statements.heads_sql(TYPE, (TYPE,)), {"queue": TYPE.queue}),
    "new turns": (claim_statements.add_turns_sql(TYPE), {"queue": TYPE.queue}),
    "what runs": (claim_statements.count_running_sql((TYPE,)), {}),
    "the ends of waits": (claim_statements.end_waits_sql(TYPE), {}),
    "a claim": (claim_statements.claim_sql(TYPE, ()), {}),
    "a claim within limits": (
        claim_statements.claim_sql(TYPE, (OF_BUSINESS, OF_ALL)),
        {"at_most": [3, 20]},
    ),
    "the slots held": (claim_statements.occupied_slots_sql(TYPE), {"patience": 10}),
}
PARTIAL = {f"drillrun_{name}" for name in ("claimable", "running", "waiting")}
BY_ID = "drill_drillrun_pkey"  # of the one row that was chosen


@pytest.fixture
def long_history(db: None) -> int:
    """Far more finished runs than queued and running ones; the last business."""
    businesses = Business.objects.bulk_create(Business(name=str(n), slug=str(n)) for n in range(BUSINESSES))

    def add(number: int, **columns: Any) -> None:
        DrillRun.objects.bulk_create(
            DrillRun(business=businesses[n % BUSINESSES], steps=1, **columns) for n in range(number)
        )

    add(FINISHED, status=Status.COMPLETED, finished_at=Now())
    add(QUEUED)
    add(BUSINESSES, waiting_until=Now())
    add(BUSINESSES, status=Status.RUNNING, worker="worker@test")
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")
    return businesses[-1].pk


def test_each_statement_of_a_claim_reads_partial_indexes_only(long_history: int) -> None:
    for name, (statement, parameters) in STATEMENTS.items():
        values: dict[str, Any] = {
            "business": long_history,
            "worker": "w",
            "worker_boot": "b",
            "audit_id": "a",
            "task_id": "t",
            **parameters,
        }
        read = indexes_read(statement, values)
        assert read & PARTIAL, name
        assert read <= {*PARTIAL, BY_ID}, name


def indexes_read(statement: str, parameters: dict[str, Any]) -> set[str]:
    """Of the runs' table; its own name where it is read without an index."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        [[[plan]]] = cursor.fetchall()
    scans = [node for node in nodes(plan["Plan"]) if "Index Name" in node or node["Node Type"] == "Seq Scan"]
    names = {node.get("Index Name") or node["Relation Name"] for node in scans}
    return {name for name in names if name.startswith("drill")}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)

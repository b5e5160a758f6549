"""What the core adds to the one statement that carries progress, heartbeat and control."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from django.db import connection

from runs.models import Run, statements
from runs.progress import flush as core
from runs.progress.flush import ProgressReport, flush

from . import database
from .harness import Options, Result, Timed, interleaved, print_note, print_seconds, ratio

FLUSHES = 250  # a round: many short rounds, since the disk's speed varies
ROUNDS = 8  # for each requested round

OURS, BARE = "runs.progress.flush.flush", "the bare statement by psycopg"


def measure(options: Options) -> Result:
    flushes = options.amount(FLUSHES)
    with database.in_scratch("flush"):
        print_note(f"  fsync {database.setting('fsync')}, synchronous_commit {database.setting('synchronous_commit')}")
        run = database.claimed_run()
        reports = (report_of(number) for number in count(1))
        with bare_connection() as bare:
            sides: dict[str, Timed] = {
                OURS: lambda: _time_flushes(run, [next(reports) for _ in range(flushes)]),
                BARE: lambda: _time_bare_statements(bare, run, [next(reports) for _ in range(flushes)]),
            }
            seconds = interleaved(sides, ROUNDS * options.rounds)
    print_seconds(seconds, {OURS: flushes, BARE: flushes})
    result = Result()
    result.at_most(1.25, f"flush: {OURS} / {BARE}", ratio(seconds, OURS, BARE))
    return result


def report_of(number: int, total: int = 1_000_000) -> ProgressReport:
    """The report of a sync after its message `number`."""
    counts = {"processed": number, "failed": number // 100, "skipped": number // 3}
    return ProgressReport(
        counters={"total": total, "succeeded": number - number // 100 - number // 3, **counts},
        cursor={"uidvalidity": 20240102, "uid": number},
        cursor_counts=counts,
        progress_pct=min(99.9, number * 1000 // total / 10),
        rate=40.0 + number % 7 / 3,
        advanced=True,
        reached=0.0,
    )


@contextmanager
def bare_connection() -> Iterator[psycopg.Connection[Any]]:
    """To the same database with the same parameters, without Django's cursors and adapters."""
    parameters = dict(connection.get_connection_params())
    # Without Django's cursors; psycopg prepares a statement that is repeated.
    for name in ("cursor_factory", "context", "prepare_threshold", "server_side_binding"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters, autocommit=True) as bare:
        yield bare


def _time_flushes(run: Run, reports: list[ProgressReport]) -> float:
    began = time.perf_counter()
    for report in reports:
        flush(run, report)
    return time.perf_counter() - began


def _time_bare_statements(bare: psycopg.Connection[Any], run: Run, reports: list[ProgressReport]) -> float:
    """The very statement of a flush, its parameters made beforehand."""
    statement = statements.flush_sql(type(run), (), (), None, False)
    parameters = [core.build_parameters(run, report, None) for report in reports]
    began = time.perf_counter()
    for values in parameters:
        row = bare.execute(statement, values).fetchone()
        assert row is not None
    return time.perf_counter() - began

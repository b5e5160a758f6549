"""A claim in fair order, beside a bare `SELECT … FOR UPDATE SKIP LOCKED` and `UPDATE`, with a short and a long history.

Both sides claim drills of the same tables, under the same triggers. The bare one takes the first queued run of the
index that there is: it knows no turns, no limits, no waits, and says nobody's name in the timeline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from runs.drill.models import DrillRun
from runs.models.queue_snapshot import fetch_order

from . import claims, database, history
from .flush import bare_connection
from .harness import Options, Result, Timed, interleaved, print_note, print_seconds, ratio

BUSINESSES = 300
QUEUED = 100_000
CLAIMS = 50  # a round, after which they run: as many as large installations have slots
ROUNDS = 12  # for each requested round: many short ones, since the disk's speed varies

TABLE = DrillRun._meta.db_table
OURS, BARE = "claim_next", "a bare SKIP LOCKED claim"

CHOOSE_BARE = f"""
    SELECT id FROM {TABLE} WHERE status = 'queued' AND waiting_until IS NULL
    ORDER BY business_id, queued_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
CLAIM_BARE = f"""
    UPDATE {TABLE} SET
        status = 'running', attempt = attempt + 1, worker = 'benchmark', task_id = 'benchmark', heartbeat_at = now(),
        progress_at = now(), started_at = now(), claimed_at = now(), version = version + 1
    WHERE id = %s RETURNING *
"""


def measure(options: Options) -> Result:
    amount = options.amount(CLAIMS, least=20)
    finished = {"no": 0, "a long": options.amount(options.finished_runs)}
    with ExitStack() as stack:
        sides: dict[str, Timed] = {}
        for length, number in finished.items():
            copy = stack.enter_context(database.scratch(f"claim_{number}"))
            with database.using(copy):
                _seed(options.amount(QUEUED, least=1000), number)
                bare = stack.enter_context(bare_connection())
            for name, claim in ((OURS, lambda: claims.claim_only(DrillRun)), (BARE, partial(_claim_bare, bare))):
                sides[f"{name}, {length} history"] = partial(_timed, copy, claim, amount)
        seconds = interleaved(sides, ROUNDS * options.rounds)
    print_seconds(seconds, dict.fromkeys(seconds, amount))
    result = Result()
    for length, number in finished.items():
        value = ratio(seconds, f"{OURS}, {length} history", f"{BARE}, {length} history")
        result.at_most(3, f"claim: {OURS} / {BARE}, {number:,} finished runs", value)
    value = ratio(seconds, f"{OURS}, a long history", f"{OURS}, no history")
    result.at_most(1.5, f"claim: {OURS}, {finished['a long']:,} / {finished['no']:,} finished runs", value)
    return result


def _seed(queued: int, finished: int) -> None:
    began = time.monotonic()
    history.add_businesses(BUSINESSES)
    history.add_finished(finished, DrillRun)
    history.add_queued(queued)
    fetch_order(DrillRun.queue, prepare=True)  # as each worker does every second
    database.execute("CHECKPOINT")  # or the disk would still be busy when the timing starts
    print_note(
        f"  {finished:,} finished and {queued:,} queued runs made in {time.monotonic() - began:.0f} s;"
        f" fsync {database.setting('fsync')}, synchronous_commit {database.setting('synchronous_commit')}"
    )


def _timed(copy: BaseDatabaseWrapper, claim: Callable[[], object], amount: int) -> float:
    with database.using(copy):
        _requeue_claimed()
        began = time.perf_counter()
        for _number in range(amount):
            claim()
        seconds = time.perf_counter() - began
        assert database.fetch_int(f"SELECT count(*) FROM {TABLE} WHERE status = 'running'") == amount
        return seconds


def _claim_bare(bare: psycopg.Connection[tuple[int]]) -> None:
    with bare.transaction():
        chosen = bare.execute(CHOOSE_BARE).fetchone()
        assert chosen is not None
        assert bare.execute(CLAIM_BARE, chosen).fetchone() is not None


def _requeue_claimed() -> None:
    """Not timed."""
    with history.without_triggers():
        database.execute(f"UPDATE {TABLE} SET status = 'queued', attempt = 0 WHERE status = 'running'")
        database.execute(f"DELETE FROM {TABLE}event")
    database.execute(f"VACUUM {TABLE}, {TABLE}event, runs_businessqueue")

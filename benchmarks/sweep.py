"""A round of the sweep, beside one UPDATE written by hand, with a short and with a long history."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper

from receipts.models import ReceiptSyncRun
from runs.lifecycle import sweep as core

from . import database, history
from .harness import Options, Result, Timed, interleaved, print_note, print_seconds, ratio

ACTIVE, STALE = 10_000, 1_000
SHORT = 100_000  # finished runs

EXPIRE, UPDATE, ROUND = "expire", "a hand-written UPDATE", "whole round"

# An expiry as one would write it by hand; the same triggers fire.
BY_HAND = f"""
    UPDATE {history.TABLE} SET
        status = 'failed', error_code = 'stale',
        error_message = 'Run marked as failed due to no heartbeat for '
            || floor(extract(epoch FROM now() - heartbeat_at)) || 's',
        finished_at = now(), requested = '',
        silent_until = NULL, waiting_until = NULL, waiting_reason = '',
        version = version + 1
    WHERE status = 'running' AND heartbeat_at < now() - interval '300 seconds'
        AND (silent_until IS NULL OR silent_until <= now())
"""


def measure(options: Options) -> Result:
    finished = {"short": options.amount(SHORT), "long": options.amount(options.finished_runs)}
    active = options.amount(ACTIVE)
    stale = options.amount(STALE)
    with ExitStack() as stack:
        sides: dict[str, Timed] = {}
        for length, number in finished.items():
            copy = stack.enter_context(database.scratch(f"sweep_{length}"))
            with database.using(copy):
                _seed(number, active)
            for name, work in ((EXPIRE, _expire), (UPDATE, _update), (ROUND, _round)):
                sides[f"{name}, {length} history"] = partial(_timed, copy, work, stale, active // stale)
        seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, dict.fromkeys(seconds, 1))
    result = Result()
    for length, number in finished.items():
        value = ratio(seconds, f"{EXPIRE}, {length} history", f"{UPDATE}, {length} history")
        result.at_most(2, f"sweep: {EXPIRE} / {UPDATE}, {number:,} finished runs", value)
    for name in (EXPIRE, ROUND):
        value = ratio(seconds, f"{name}, long history", f"{name}, short history")
        result.at_most(1.2, f"sweep: {name}, {finished['long']:,} / {finished['short']:,} finished runs", value)
    return result


def _seed(finished: int, active: int) -> None:
    began = time.monotonic()
    history.add_businesses(active)
    history.add_finished(finished)
    history.add_running(active)
    database.execute(f"CREATE TABLE working AS SELECT id FROM {history.TABLE} WHERE status = 'running'")
    database.execute("CHECKPOINT")  # or the disk would still be busy when the timing starts
    print_note(f"  {finished:,} finished and {active:,} running runs made in {time.monotonic() - began:.0f} s")


def _timed(copy: BaseDatabaseWrapper, work: Callable[[], object], stale: int, one_in: int) -> float:
    with database.using(copy):
        _set_running(one_in)
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        expired = database.fetch_int(
            f"SELECT count(*) FROM {history.TABLE} JOIN working USING (id) WHERE status = 'failed'"
        )
        assert expired == stale, f"{expired} runs were expired instead of {stale}"
        return seconds


def _set_running(one_in: int) -> None:
    """Set all to running again, one in so many without a heartbeat for an hour. Not timed."""
    silence = f"CASE WHEN id % {one_in} = 0 THEN interval '1 hour' ELSE interval '5 seconds' END"
    with history.without_triggers():
        database.execute(
            f"UPDATE {history.TABLE} SET status = 'running', error_code = '', error_message = '', finished_at = NULL,"
            f" heartbeat_at = now() - {silence} WHERE id IN (SELECT id FROM working)"
        )
        database.execute(f"DELETE FROM {history.EVENTS}")
    database.execute(f"VACUUM {history.TABLE}, {history.EVENTS}")


def _expire() -> None:
    core.expire_stale(ReceiptSyncRun)


def _update() -> None:
    database.execute(BY_HAND)


def _round() -> None:
    """All that a round does. The runs name no tasks: to end those would be the broker's time."""
    assert core.sweep()

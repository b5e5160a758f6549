"""How many flushes stay in their page and touch no index: the share of HOT updates."""

from __future__ import annotations

import time
from itertools import cycle, islice

from runs.progress.flush import flush

from . import database, history
from .flush import report_of
from .harness import Options, Result, print_note

FLUSHES = 200_000
ACTIVE = 20  # runs that report at the same time
BUSINESSES = 100
FINISHED = 100_000  # other runs in the table
STATISTICS_SECONDS = 60  # until PostgreSQL has counted


def measure(options: Options) -> Result:
    flushes = options.amount(FLUSHES)
    with database.in_scratch("hot"):
        history.add_businesses(BUSINESSES)
        history.add_finished(options.amount(FINISHED))
        runs = [database.claimed_run() for _ in range(ACTIVE)]
        _fill_throughput_history()
        # A commit that doesn't wait for the disk writes the same pages, sooner.
        database.execute("SET synchronous_commit = off")
        hot, updates = _count_updates()
        for number, run in enumerate(islice(cycle(runs), flushes)):
            flush(run, report_of(1 + number // ACTIVE, total=max(1, flushes // ACTIVE)))
        hot_after, updates_after = _count_updates(at_least=updates + flushes)
    print_note(f"  {updates_after - updates:,} updates, {hot_after - hot:,} of them HOT (synchronous_commit off)")
    result = Result()
    share = 100 * (hot_after - hot) / (updates_after - updates)
    result.at_least(99, f"hot: percent of {flushes:,} flushes that were HOT updates", share)
    return result


def _fill_throughput_history() -> None:
    """Make the rows as wide as they become, with all points of their throughput history."""
    points = "SELECT jsonb_agg(jsonb_build_array(g * 64.5, g * 2580)) FROM generate_series(1, 60) g"
    database.execute(f"UPDATE {history.TABLE} SET pace = ({points}) WHERE status = 'running'")


def _count_updates(at_least: int = 0) -> tuple[int, int]:
    """HOT updates and all updates of the runs' table, once the server's statistics have arrived."""
    deadline = time.monotonic() + STATISTICS_SECONDS
    while True:
        database.execute("SELECT pg_stat_force_next_flush()")
        hot, updates = (
            database.fetch_int(f"SELECT {column} FROM pg_stat_user_tables WHERE relname = '{history.TABLE}'")
            for column in ("n_tup_hot_upd", "n_tup_upd")
        )
        if updates >= at_least:
            return hot, updates
        if time.monotonic() > deadline:
            raise TimeoutError(f"The server has counted {updates} updates of {at_least}.")
        time.sleep(0.1)

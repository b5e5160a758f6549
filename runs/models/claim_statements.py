"""The statements by which the next run of a queue is chosen and claimed.

All read partial indexes that hold only what is queued or running, so that a long history costs a claim nothing.
`%(name)s` is a parameter. Tables come from the models, quoted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..states import Status
from .audit import AUDIT_COLUMNS
from .run import Run
from .statements import quote_name, table_of

CountedRuns = tuple[tuple[type[Run], ...], bool]  # their types, and whether those of one business alone

# What may be claimed. A wait that is over is ended first (`end_waits_sql`): an index can't compare with the clock.
CLAIMABLE: Final = f"status = '{Status.QUEUED}' AND waiting_until IS NULL"


# Called before each choice. What another claim is just ending is left to it. From then on the run is queued: the wait
# is no time in which no worker took it.


@lru_cache(maxsize=64)
def end_waits_sql(model: type[Run]) -> str:
    return f"""
        UPDATE {table_of(model)} SET
            queued_at = GREATEST(queued_at, waiting_until),
            waiting_until = NULL,
            waiting_reason = '',
            version = version + 1
        WHERE id IN (
            SELECT id FROM {table_of(model)}
            WHERE status = '{Status.QUEUED}' AND waiting_until <= statement_timestamp()
            ORDER BY id
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id
    """


# Asked wherever a slot becomes free. A wait that is over counts: the claim will end it. In the order of the indexes, or
# the planner may scan the table, with all that is finished, up to the first queued run.


@lru_cache(maxsize=64)
def any_claimable_sql(models: tuple[type[Run], ...]) -> str:
    found = " OR ".join(f"{_claimable_exists(model)} OR {_ended_wait_exists(model)}" for model in models)
    return f"SELECT {found}"


def _claimable_exists(model: type[Run]) -> str:
    in_order = f"SELECT true FROM {table_of(model)} WHERE {CLAIMABLE} ORDER BY business_id, queued_at, id LIMIT 1"
    return f"({in_order}) IS NOT NULL"


def _ended_wait_exists(model: type[Run]) -> str:
    first = f"SELECT min(waiting_until) FROM {table_of(model)} WHERE status = '{Status.QUEUED}'"
    return f"COALESCE(({first}) <= statement_timestamp(), false)"


# The oldest claimable run of each business, and when the business was last served; in the order of claims, as far as no
# limit changes it. It jumps from business to business in the index: a business with 100,000 queued runs costs what one
# with a single run costs.


@lru_cache(maxsize=64)
def heads_sql(model: type[Run], sharing: tuple[type[Run], ...]) -> str:
    """`sharing` are the types of the queue: their running runs count in the order."""
    return f"""
        WITH RECURSIVE head AS ({_heads_by_business(model)}), running AS ({_running_by_business_sql(sharing)})
        {_in_order("head")}
    """


# The first of them. Where thousands of businesses wait, they are found from the other end: those that were served
# longest ago, if they have nothing running and a run to claim. That is given up where a look at many of them found too
# few, since most are idle. A business that was never served has a row there once `add_turns_sql` was executed.


@lru_cache(maxsize=64)
def first_heads_sql(model: type[Run], sharing: tuple[type[Run], ...]) -> str:
    return f"""
        WITH RECURSIVE head AS ({_heads_by_business(model)}), running AS ({_running_by_business_sql(sharing)}),
        few AS MATERIALIZED (SELECT FROM head LIMIT %(few)s::int + 1),
        longest_ago AS MATERIALIZED (
            SELECT turn.business_id, oldest.queued_at
            FROM (
                SELECT business_id, served_at FROM runs_businessqueue
                WHERE queue = %(queue)s ORDER BY served_at NULLS FIRST, id LIMIT {TURNS}
            ) turn
            CROSS JOIN LATERAL (
                SELECT queued_at FROM {table_of(model)} WHERE {CLAIMABLE} AND business_id = turn.business_id
                ORDER BY business_id, queued_at, id LIMIT 1
            ) oldest
            WHERE (SELECT count(*) FROM few) > %(few)s::int
                AND turn.business_id NOT IN (SELECT business_id FROM running)
            ORDER BY turn.served_at NULLS FIRST LIMIT %(first)s::int
        ),
        is_enough AS MATERIALIZED (SELECT count(*) >= %(first)s::int AS yes FROM longest_ago),
        chosen AS (
            SELECT * FROM longest_ago WHERE (SELECT yes FROM is_enough)
            UNION ALL
            SELECT * FROM head WHERE NOT (SELECT yes FROM is_enough)
        )
        {_in_order("chosen")} LIMIT %(first)s::int
    """


TURNS: Final = 500  # businesses that were served longest ago, of which the first are to be found


def _heads_by_business(model: type[Run]) -> str:
    table = table_of(model)
    return f"""
        (
            SELECT business_id, queued_at FROM {table} WHERE {CLAIMABLE}
            ORDER BY business_id, queued_at, id LIMIT 1
        )
        UNION ALL
        SELECT next.business_id, next.queued_at FROM head CROSS JOIN LATERAL (
            SELECT business_id, queued_at FROM {table} WHERE {CLAIMABLE} AND business_id > head.business_id
            ORDER BY business_id, queued_at, id LIMIT 1
        ) next
    """


def _running_by_business_sql(sharing: tuple[type[Run], ...]) -> str:
    running = " UNION ALL ".join(
        f"SELECT business_id FROM {table_of(model)} WHERE status = '{Status.RUNNING}'" for model in sharing
    )
    return f"SELECT business_id, count(*) AS runs FROM ({running}) run GROUP BY business_id"


def _in_order(heads: str) -> str:
    return f"""
        SELECT {heads}.business_id, {heads}.queued_at, turn.served_at
        FROM {heads}
        LEFT JOIN runs_businessqueue turn ON turn.business_id = {heads}.business_id AND turn.queue = %(queue)s
        LEFT JOIN running ON running.business_id = {heads}.business_id
        ORDER BY COALESCE(running.runs, 0), turn.served_at NULLS FIRST, {heads}.queued_at, {heads}.business_id
    """


# Executed by the workers' looks: businesses that wait and were never served. They count as served a century before
# their oldest run was queued: before all others, and the one that waits longest first.


@lru_cache(maxsize=64)
def add_turns_sql(model: type[Run]) -> str:
    return f"""
        INSERT INTO runs_businessqueue (business_id, queue, served_at)
        WITH RECURSIVE head AS ({_heads_by_business(model)})
        SELECT business_id, %(queue)s::varchar, queued_at - interval '100 years' FROM head
        WHERE business_id NOT IN (SELECT business_id FROM runs_businessqueue WHERE queue = %(queue)s)
        ORDER BY business_id
        ON CONFLICT DO NOTHING
        RETURNING id
    """


# How many runs of a business and type are running; and with the id of its row, how many each limit allows.


@lru_cache(maxsize=64)
def count_running_sql(models: tuple[type[Run], ...]) -> str:
    running = (
        f"SELECT business_id, '{model.slug}', count(*), NULL::bigint FROM {table_of(model)}"
        f" WHERE status = '{Status.RUNNING}' GROUP BY business_id"
        for model in models
    )
    limits = "SELECT business_id, NULLIF(run_type, ''), max_running, id FROM runs_runlimit"
    return " UNION ALL ".join([*running, limits])


# Called first in a claim's transaction, for which it also says who claims. It locks the row of the business in its
# queue, and is the claim's guard: where another claim of the business was committed since the choice, `served_at` has
# changed, and the choice is made again.

TAKE_TURN_SQL: Final = f"""
    INSERT INTO runs_businessqueue AS turn (business_id, queue, served_at)
    VALUES (%(business)s, %(queue)s, transaction_timestamp())
    ON CONFLICT (business_id, queue) DO UPDATE SET served_at = transaction_timestamp()
    WHERE turn.served_at IS NOT DISTINCT FROM %(served_at)s
    RETURNING {AUDIT_COLUMNS}
"""

LOCK_LIMITS_SQL: Final = "SELECT id FROM runs_runlimit WHERE id = ANY(%(limits)s) ORDER BY id FOR UPDATE"


# Claim: the oldest claimable run of the business, which nobody else is writing just now. Guard: it is still claimable,
# this transaction has taken the turn, and no limit is reached, counted under the locks that each claim which could
# exceed it takes. Returns the whole row as the new attempt has it.


# Only a turn that was taken has set this claim's audit id. Its time would prove nothing: two claims that begin in the
# same microsecond have the same `served_at`, and the one without the turn would leave its run without a worker.
_HAS_TURN: Final = "current_setting('pghistory.context_id', true) = %(audit_id)s"


@lru_cache(maxsize=256)
def claim_sql(model: type[Run], limited: tuple[CountedRuns, ...]) -> str:
    """`limited` are the runs that each limit counts; as many numbers are in the parameter `at_most`."""
    table = table_of(model)
    columns = ", ".join(quote_name(str(field.column)) for field in model._meta.concrete_fields)
    below_limits = " ".join(
        f"AND ({_count_sql(*counted)}) < (%(at_most)s::int[])[{number}]" for number, counted in enumerate(limited, 1)
    )
    return f"""
        UPDATE {table} SET
            status = '{Status.RUNNING}',
            attempt = attempt + 1,
            worker = %(worker)s,
            worker_boot = %(worker_boot)s,
            task_id = %(task_id)s,
            requested = '',
            open_item = '',
            waiting_reason = '',
            heartbeat_at = statement_timestamp(),
            progress_at = statement_timestamp(),
            started_at = COALESCE(started_at, statement_timestamp()),
            claimed_at = statement_timestamp(),
            version = version + 1
        WHERE id = (
            SELECT id FROM {table} WHERE {CLAIMABLE} AND business_id = %(business)s
            ORDER BY queued_at, id LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AND {CLAIMABLE} AND {_HAS_TURN} {below_limits}
        RETURNING {columns}
    """


def _count_sql(models: tuple[type[Run], ...], of_one_business: bool) -> str:
    owner = "AND business_id = %(business)s" if of_one_business else ""
    tables = " UNION ALL ".join(
        f"SELECT id FROM {table_of(model)} WHERE status = '{Status.RUNNING}' {owner}" for model in models
    )
    return f"SELECT count(*) FROM ({tables}) running"


# The running runs, and how long each has had its slot. One that hasn't finished anything in its attempt counts as new:
# if it were interrupted in its beginning, again and again, it would never get anywhere.


@lru_cache(maxsize=64)
def occupied_slots_sql(model: type[Run]) -> str:
    return f"""
        SELECT id, business_id,
            requested <> '' AND progress_at > statement_timestamp() - make_interval(secs => %(patience)s::float8),
            CASE WHEN requested = '' AND progress_at > claimed_at
            THEN extract(epoch FROM statement_timestamp() - claimed_at) ELSE 0 END::float8,
            worker
        FROM {table_of(model)}
        WHERE status = '{Status.RUNNING}'
    """

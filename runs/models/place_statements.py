"""The statements by which readers find a run's place in its queue. They read what is queued or running, and no history.

None counts further than `most`: a business with 100,000 queued runs costs what one with a hundred costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ..states import Status
from .claim_statements import CLAIMABLE
from .run import Run
from .statements import table_of

# The first claimable runs of each of these businesses, in the order in which they are claimed.


@lru_cache(maxsize=64)
def first_in_queue_sql(model: type[Run]) -> str:
    return f"""
        SELECT business.id, first.queued_at, first.id
        FROM unnest(%(businesses)s::bigint[]) business (id)
        CROSS JOIN LATERAL (
            SELECT queued_at, id FROM {table_of(model)} WHERE {CLAIMABLE} AND business_id = business.id
            ORDER BY queued_at, id LIMIT %(most)s
        ) first
    """


# How many runs each of these businesses could have claimed.


@lru_cache(maxsize=64)
def count_in_queue_sql(model: type[Run]) -> str:
    return f"""
        SELECT business.id, (
            SELECT count(*) FROM (
                SELECT FROM {table_of(model)} WHERE {CLAIMABLE} AND business_id = business.id LIMIT %(most)s
            ) first
        )
        FROM unnest(%(businesses)s::bigint[]) business (id)
    """


# The slots of some workers, and how many of them runs occupy. `workers` is a query of their names and slots. One row;
# its first column is null where there is no such worker.


def count_slots_sql(workers: str, models: Iterable[type[Run]]) -> str:
    running = " UNION ALL ".join(
        f"SELECT worker FROM {table_of(model)} WHERE status = '{Status.RUNNING}'" for model in models
    )
    return f"""
        WITH workers (name, slots) AS ({workers})
        SELECT
            (SELECT sum(slots) FROM workers),
            (SELECT count(*) FROM ({running}) running WHERE worker IN (SELECT name FROM workers))
    """

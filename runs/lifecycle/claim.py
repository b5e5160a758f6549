"""Claim the next run of a queue.

1. Choose: one round trip reads the queue, without a lock. `QueueSnapshot` has the order.
2. Take the turn: lock the row of the chosen business and queue, unless another claim of that business was committed
   since the choice. Then the choice is made again, for the business has a run more.
3. Lock the rows of the limits that are wider than this row.
4. Claim the business's oldest run that is still claimable, unless a limit is reached, which is counted again under the
   locks: no other claim that could exceed a limit can come in between.

Steps 2 to 4 are one pipeline, which the database commits at its end without another word from here: a machine that
freezes in a claim leaves no lock behind, or its business would wait for it. Each statement sees what was committed
before it got its locks. A crash before the pipeline is sent leaves the run queued; one after it leaves a run that is
running without a worker, which its parent, another worker or the sweep finds by its heartbeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from ..database import fetch_pipelined
from ..models import Run, claim_statements, run_types
from ..models.audit import Actor, audit_parameters
from ..models.queue_snapshot import Head, Limit, fetch_to_claim, has_claimable, turn_of, types_of
from .worker_process import this_worker

CHOICES = 10  # each that fails means that another worker has claimed a run


def claim_next(
    queue: str, *, worker: str = "", task_id: str = "", types: Collection[type[Run]] | None = None
) -> Run | None:
    """Begin a new attempt of the queue's next run; None where there is none, or others claimed meanwhile.

    `types` are those that this process can work on: all of the queue's by default.
    """
    refused: set[tuple[int, str]] = set()
    for _choice in range(CHOICES):
        snapshot, order = fetch_to_claim(queue, types, refused)
        if not order:
            return None
        # Where another claim was first, its business has had its turn, and the next in order is whose turn it is.
        for head in snapshot.first_equals(order):
            limits = list(snapshot.limits_of(head.business, head.model.slug))
            is_turn, row = take_turn_and_claim(queue, head, limits, worker, task_id)
            if is_turn and row:
                return instance_of(head.model, row)
            if is_turn:
                refused.add((head.business, head.model.slug))
    return None


def order_queues(woken: str, served: Sequence[str], known: Collection[type[Run]]) -> list[str]:
    """Of the queues that a worker serves those with runs to claim, the one whose next run has its turn first.

    A slot that a run has left for the sake of another queue would otherwise go to whichever queue's message is next: a
    busy worker has taken some in advance. `woken`, which the message names, is alone where the others have nothing.
    """
    others = [queue for queue in served if queue != woken and types_of(queue)]
    if not others or not has_claimable(*others):
        return [woken]
    found = {}
    running: Counter[int] = Counter()
    for queue in (woken, *others):
        snapshot, order = fetch_to_claim(queue, [model for model in types_of(queue) if model in known])
        running += snapshot.running_by_business
        if order:
            found[queue] = order
    firsts = {queue: min(turn_of(head, running) for head in order) for queue, order in found.items()}
    return sorted(firsts, key=lambda queue: firsts[queue]) or [woken]


def take_turn_and_claim(
    queue: str, head: Head, limits: Sequence[Limit], worker: str, task_id: str
) -> tuple[bool, tuple[Any, ...] | None]:
    """Was the business not served since the choice, and the row of the claimed run; a claim without its turn is none.

    Where a limit was reached meanwhile, or others are writing all of its runs, the business has had its turn.
    """
    audit = audit_parameters(Actor("worker", worker), "claimed")
    turn = {"business": head.business, "queue": queue, "served_at": head.served_at, **audit}
    wide = [limit.id for limit in limits if limit.is_wide()]
    claim = {
        "business": head.business,
        "audit_id": audit["audit_id"],
        "worker": worker,
        "worker_boot": this_worker.boot,
        "task_id": task_id,
        "at_most": [limit.max_running for limit in limits],
    }
    limited = tuple(counted_by(limit) for limit in limits)
    turns, *_others, rows = fetch_pipelined(
        [
            (claim_statements.TAKE_TURN_SQL, turn),
            *([(claim_statements.LOCK_LIMITS_SQL, {"limits": wide})] if wide else []),
            (claim_statements.claim_sql(head.model, limited), claim),
        ]
    )
    return bool(turns), next(iter(rows), None)


def counted_by(limit: Limit) -> claim_statements.CountedRuns:
    models = tuple(model for model in run_types() if limit.run_type in (None, model.slug))
    return models, limit.business is not None


def instance_of(model: type[Run], row: Sequence[Any]) -> Run:
    """A run from its columns as the database sent them, past Django's own cursor."""
    names, converters = columns_of(model)
    values = list(row)
    for place, convert in converters:
        values[place] = convert(values[place], None, connection)
    return model.from_db(connection.alias, names, values)


@lru_cache(maxsize=64)
def columns_of(model: type[Run]) -> tuple[list[str], list[tuple[int, Any]]]:
    """The names of its columns, and the places of those that aren't used as the database sends them."""
    fields = model._meta.concrete_fields
    converted = [(n, field.from_db_value) for n, field in enumerate(fields) if hasattr(field, "from_db_value")]
    return [field.attname for field in fields], converted

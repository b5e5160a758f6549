"""Claim the next run of a queue.

1. Choose: one round trip reads the queue, without a lock. `QueueSnapshot` has the order.
2. Take the turn: lock the row of the chosen business and queue, unless another claim of that business was committed
   since the choice. Then the choice is made again, for the business has a run more.
3. Lock the rows of the limits that are wider than this row, and count again under the locks: no other claim that could
   exceed a limit can come in between.
4. Claim the business's oldest run that is still claimable.

Steps 2 to 4 are one transaction. A crash before its commit leaves the run queued; one after it leaves a run that is
running without a worker, which its parent, another worker or the sweep finds by its heartbeat.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection, transaction

from ..models import Run, claim_statements, run_types
from ..models.audit import Actor, audit_context
from ..models.queue_snapshot import Head, Limit, QueueSnapshot, fetch_snapshot
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
        snapshot = fetch_snapshot(queue, types, end_waits=True)
        order = [head for head in snapshot.in_order() if (head.business, head.model.slug) not in refused]
        if not order:
            return None
        with audit_context(Actor("worker", worker), "claimed"), transaction.atomic():
            if take_turn(queue, order[0]):
                if run := claim_under_limits(snapshot, order[0], worker, task_id):
                    return run
                transaction.set_rollback(True)  # the business wasn't served
                refused.add((order[0].business, order[0].model.slug))
    return None


def take_turn(queue: str, head: Head) -> bool:
    """Lock the row of the business and queue; False where the business was served since the choice."""
    parameters: Any = {"business": head.business, "queue": queue, "served_at": head.served_at}
    with connection.cursor() as cursor:
        cursor.execute(claim_statements.TAKE_TURN_SQL, parameters)
        return cursor.fetchone() is not None


def claim_under_limits(snapshot: QueueSnapshot, head: Head, worker: str, task_id: str) -> Run | None:
    limits = list(snapshot.limits_of(head.business, head.model.slug))
    lock_wide_limits(limits)
    if any(count_running(limit, head.business) >= limit.max_running for limit in limits):
        return None
    parameters = {
        "business": head.business,
        "worker": worker,
        "worker_boot": this_worker.boot,
        "task_id": task_id,
    }
    return next(iter(head.model.objects.raw(claim_statements.claim_sql(head.model), parameters)), None)


def lock_wide_limits(limits: Collection[Limit]) -> None:
    if wide := [limit.id for limit in limits if limit.is_wide()]:
        with connection.cursor() as cursor:
            cursor.execute(claim_statements.LOCK_LIMITS_SQL, {"limits": wide})


def count_running(limit: Limit, business: int) -> int:
    counted = [model for model in run_types() if limit.run_type in (None, model.slug)]
    statement = claim_statements.count_under_limit_sql(counted, of_one_business=limit.business is not None)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"business": business})
        return int(cursor.fetchone()[0])

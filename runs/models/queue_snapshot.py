"""Who is next in a queue. One round trip reads what waits, what runs and which limits hold; the rest is arithmetic.

The order: businesses in turn, first the one with the fewest runs running in this queue, then the one served longest
ago; within a business the run that was queued first. A business that has reached a limit is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from typing import Any

from ..database import fetch_pipelined
from . import claim_statements
from .business_queue import default_limit
from .registry import run_types
from .run import Run

NEVER = datetime.min.replace(tzinfo=UTC)
FEW = 32  # businesses that wait: they are read one by one, however many turns others have had
FIRST = 6  # heads of a type, in order: enough to choose from, unless all of these businesses have reached a limit


@dataclass(frozen=True)
class Head:
    """The oldest claimable run of a business and type."""

    business: int
    model: type[Run]
    queued_at: datetime
    served_at: datetime | None  # when a run of the business was last claimed from this queue


@dataclass(frozen=True)
class Limit:
    """At most so many running, of a business and a type; None: of all of them together. `id` is its row's."""

    max_running: int
    business: int | None
    run_type: str | None
    id: int | None = None

    def covers(self, business: int, run_type: str) -> bool:
        return self.business in (None, business) and self.run_type in (None, run_type)

    def is_wide(self) -> bool:
        """Does it count more than the runs whose claims lock one row of business and queue?"""
        return self.business is None or self.run_type is None


@dataclass(frozen=True)
class QueueSnapshot:
    """A queue at one moment, with all heads or the first in order.

    `running` counts the runs of all types and queues, by business and type.
    """

    queue: str
    heads: Sequence[Head]
    running: Counter[tuple[int, str]]
    limits: Sequence[Limit]

    def in_order(self, passed_over: Collection[tuple[int, str]] = ()) -> list[Head]:
        """Whose runs may be claimed now, the next one first; without those of the businesses' types `passed_over`."""
        return self.sort(
            head
            for head in self.heads
            if (head.business, head.model.slug) not in passed_over
            and self.limit_reached(head.business, head.model.slug) is None
        )

    def sort(self, heads: Iterable[Head]) -> list[Head]:
        return sorted(heads, key=partial(turn_of, running=self.running_by_business))

    def first_equals(self, order: Sequence[Head]) -> list[Head]:
        """The first in order, and those after it whose businesses have no more running."""
        running = self.running_by_business
        return [head for head in order if running[head.business] == running[order[0].business]]

    @cached_property
    def running_by_business(self) -> Counter[int]:
        """How many runs of this queue each business has running."""
        mine = {model.slug for model in types_of(self.queue)}
        running: Counter[int] = Counter()
        for (business, run_type), count in self.running.items():
            if run_type in mine:
                running[business] += count
        return running

    def limit_reached(self, business: int, run_type: str) -> Limit | None:
        """A limit that keeps the business from running one more of this type; its own one first."""
        for limit in self.limits_of(business, run_type):
            if self.count_running(limit) >= limit.max_running:
                return limit
        return None

    def limits_of(self, business: int, run_type: str) -> Iterator[Limit]:
        """Those that count a run of this business and type, its own first. The setting holds where it has no row."""
        keys = ((business, run_type), (business, None), (None, run_type), (None, None))
        own = self.limits_by_key.get(keys[0])
        default = default_limit(run_type)
        if own is None and default is not None:
            yield Limit(default, business, run_type)
        yield from (self.limits_by_key[key] for key in keys if key in self.limits_by_key)

    def count_running(self, limit: Limit) -> int:
        return self.running_by_key[limit.business, limit.run_type]

    # Looked up for each head: with as many limits as businesses, a search among all of them would take seconds.

    @cached_property
    def limits_by_key(self) -> dict[tuple[int | None, str | None], Limit]:
        return {(limit.business, limit.run_type): limit for limit in self.limits}

    @cached_property
    def running_by_key(self) -> Counter[tuple[int | None, str | None]]:
        counts: Counter[tuple[int | None, str | None]] = Counter()
        for (business, run_type), count in self.running.items():
            for key in ((business, run_type), (business, None), (None, run_type), (None, None)):
                counts[key] += count
        return counts


def turn_of(head: Head, running: Counter[int]) -> tuple[int, datetime, datetime, int]:
    """The order of heads: by how many runs the business has running, when it was served last, and age."""
    return running[head.business], head.served_at or NEVER, head.queued_at, head.business


@cache
def types_of(queue: str) -> tuple[type[Run], ...]:
    return tuple(model for model in run_types() if model.queue == queue)


def queues() -> list[str]:
    return sorted({model.queue for model in run_types()})


def fetch_to_claim(
    queue: str, types: Collection[type[Run]] | None = None, passed_over: Collection[tuple[int, str]] = ()
) -> tuple[QueueSnapshot, list[Head]]:
    """The queue and its order, as far as the first heads, or whole where none of the first of a type may be claimed.

    Waits that are over end here where nothing else may be claimed. Otherwise the workers' looks end them, soon enough.
    """
    snapshot, order = fetch_order(queue, types, passed_over)
    return (snapshot, order) if order else fetch_order(queue, types, passed_over, prepare=True)


def fetch_order(
    queue: str,
    types: Collection[type[Run]] | None = None,
    passed_over: Collection[tuple[int, str]] = (),
    *,
    prepare: bool = False,
    first: int = FIRST,
) -> tuple[QueueSnapshot, list[Head]]:
    """Likewise; with `prepare` the queue is put in order first. Who only reads must not write."""
    snapshot = fetch_snapshot(queue, types, prepare=prepare, first=first)
    order = snapshot.in_order(passed_over)
    cut = {model for model, heads in Counter(head.model for head in snapshot.heads).items() if heads == first}
    if cut <= {head.model for head in order}:
        return snapshot, order
    snapshot = fetch_snapshot(queue, types)
    return snapshot, snapshot.in_order(passed_over)


def has_claimable(*queues: str) -> bool:
    """Has one of them a run that may be claimed, as far as no limit holds it back? In a fraction of a choice's time."""
    types = tuple(model for queue in queues for model in types_of(queue))
    [[(found,)]] = fetch_pipelined([(claim_statements.any_claimable_sql(types), {})])
    return bool(found)


def fetch_snapshot(
    queue: str, types: Iterable[type[Run]] | None = None, *, prepare: bool = False, first: int | None = None
) -> QueueSnapshot:
    """The queue as it is now, with the runs of these types (all of the queue's); see `fetch_to_claim`."""
    sharing = types_of(queue)
    chosen = sharing if types is None else tuple(types)
    writes = [write for model in chosen for write in prepare_statements(model)] if prepare else []
    heads_sql = claim_statements.heads_sql if first is None else claim_statements.first_heads_sql
    parameters = {"queue": queue, "first": first, "few": FEW}
    reads: list[tuple[str, Any]] = [
        *((heads_sql(model, sharing), parameters) for model in chosen),
        (claim_statements.count_running_sql(run_types()), {}),
    ]
    *heads_of_types, counts = fetch_pipelined([*writes, *reads])[len(writes) :]
    heads = [Head(row[0], model, *row[1:]) for model, rows in zip(chosen, heads_of_types, strict=True) for row in rows]
    running = Counter({(business, run_type): n for business, run_type, n, limit in counts if limit is None})
    limits = [Limit(n, business, run_type, limit) for business, run_type, n, limit in counts if limit is not None]
    return QueueSnapshot(queue, heads, running, limits)


def prepare_statements(model: type[Run]) -> list[tuple[str, Any]]:
    """End the waits that are over, and give a turn to businesses that never had one."""
    return [
        (claim_statements.end_waits_sql(model), {}),
        (claim_statements.add_turns_sql(model), {"queue": model.queue}),
    ]

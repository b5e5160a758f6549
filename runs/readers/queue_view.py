"""Who comes before a queued run, by arithmetic on one look at its queue.

A place counts the runs that would be claimed before this one if none were added and none ended. The order is that of
`QueueSnapshot`: businesses in turn, first the one with the fewest running. So a run that has k of its own business
before it, whose business has r running, is claimed when that business has r + k running. Until then each other business
that has fewer running comes up to r + k too, and gets one more where it comes first on a tie: the one that has climbed
there is served after the one that was there before, and of two that climbed together the first stays first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice

from ..database import fetch_pipelined
from ..models import Run, Worker, place_statements, run_types
from ..models.queue_snapshot import Head, Limit, QueueSnapshot, fetch_snapshot, types_of

MOST = 100  # runs before it: nobody counts further

BusinessAndType = tuple[int, str]
Age = tuple[datetime, str, int]  # of a run: within a business the oldest is claimed first
Order = Sequence[tuple[int, int]]  # businesses, and how many runs each could have claimed; the next one first


@dataclass(frozen=True)
class QueueView:
    """A queue, with what is needed for the places of some runs.

    `orders` has one for the runs that nothing holds back (None), and one for each limit of all businesses that holds
    back some of them. `ages` are those of their businesses' oldest runs.
    """

    snapshot: QueueSnapshot
    orders: Mapping[Limit | None, Order]
    ages: Mapping[BusinessAndType, Sequence[Age]]
    slots: int | None  # of the workers that are alive and serve the queue; None: there is no such worker
    occupied: int

    def find_place(self, run: Run, limit: Limit | None) -> int | None:
        """1 is next; None where more than `MOST` come before it. `limit` is the one that holds it back."""
        before = self.count_own_before(run, limit)
        own, own_held = run.business_id, self.held[run.business_id]
        reached = own_held + before
        is_behind_own = False
        for business, queued in self.orders[limit]:
            if business == own:
                is_behind_own = True
                continue
            held = self.held[business]
            # Whoever has just been claimed from is served last among those that have as many running.
            is_first_on_tie = held > own_held or (held == own_held and not is_behind_own)
            turns = reached - held + (1 if is_first_on_tie else 0)
            if turns <= 0 or before > MOST:
                break
            before += min(turns, queued)
        return before + 1 if before <= MOST else None

    def count_own_before(self, run: Run, limit: Limit | None) -> int:
        """Of other types of its queue no more than their limits leave room for."""
        age = (run.queued_at, run.slug, run.pk)
        before = 0
        for model in types_of(run.queue):
            key = (run.business_id, model.slug)
            if blocking_limit(self.snapshot, key) in (None, limit):
                room = () if model.slug == run.slug else room_under_own_limits(self.snapshot, key)
                before += min([bisect_left(self.ages.get(key, ()), age), *room])
        return before

    @cached_property
    def held(self) -> Counter[int]:
        return self.snapshot.held


def fetch_queue_view(queue: str, asked: Collection[BusinessAndType]) -> QueueView:
    """The queue, for the places of runs of these businesses and types. Two round trips."""
    snapshot = fetch_snapshot(queue)
    limits = {blocking_limit(snapshot, key) for key in asked}
    heads = {limit: first_heads(snapshot, limit) for limit in limits if limit is None or limit.business is None}
    others = {head.business for order in heads.values() for head in order}
    types = types_of(queue)
    workers, parameters = Worker.objects.alive().serving(queue).values("name", "slots").query.sql_with_params()
    of_own = {"businesses": sorted({business for business, _type in asked}), "most": MOST + 1}
    of_others = {"businesses": sorted(others), "most": MOST + 1}
    results = iter(
        fetch_pipelined(
            [
                *((place_statements.first_in_queue_sql(model), of_own) for model in types),
                *((place_statements.count_in_queue_sql(model), of_others) for model in types),
                (place_statements.count_slots_sql(workers, run_types()), parameters),
            ]
        )
    )
    ages: dict[BusinessAndType, list[Age]] = defaultdict(list)
    for model in types:
        for business, queued_at, pk in next(results):
            ages[business, model.slug].append((queued_at, model.slug, pk))
    queued = {(business, model.slug): count for model in types for business, count in next(results)}
    [(slots, occupied)] = next(results)
    orders = {limit: count_in_order(snapshot, order, queued) for limit, order in heads.items()}
    return QueueView(snapshot, orders, ages, slots, occupied)


def blocking_limit(snapshot: QueueSnapshot, key: BusinessAndType) -> Limit | None:
    """A limit that keeps the business from running one more of the type; its own one first."""
    reached = (limit for limit in snapshot.limits_of(*key) if snapshot.count_running(limit) >= limit.max_running)
    return min(reached, key=lambda limit: limit.business is None, default=None)


def first_heads(snapshot: QueueSnapshot, limit: Limit | None) -> list[Head]:
    """Those that nothing holds back, or nothing but this limit, in order.

    Of one business more than can stand before a run that has a place, for its own may be among them.
    """
    heads = snapshot.sort(
        head for head in snapshot.heads if blocking_limit(snapshot, (head.business, head.model.slug)) in (None, limit)
    )
    first = set(islice(dict.fromkeys(head.business for head in heads), MOST + 2))
    return [head for head in heads if head.business in first]


def count_in_order(snapshot: QueueSnapshot, heads: Sequence[Head], queued: Mapping[BusinessAndType, int]) -> Order:
    counts: dict[int, int] = defaultdict(int)
    for head in heads:
        key = (head.business, head.model.slug)
        counts[head.business] += min([queued.get(key, 1), *room_under_own_limits(snapshot, key)])
    return list(counts.items())


def room_under_own_limits(snapshot: QueueSnapshot, key: BusinessAndType) -> Iterator[int]:
    for limit in snapshot.limits_of(*key):
        if limit.business is not None:
            yield limit.max_running - snapshot.count_running(limit)

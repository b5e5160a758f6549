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
from ..models import Run, place_statements, run_types
from ..models.fleet import slots_of_workers
from ..models.queue_snapshot import Head, Limit, QueueSnapshot, fetch_snapshot, types_of

MOST = 100  # runs before it: nobody counts further
FIRST_HEADS = 3 * MOST  # of a type, in order: enough, unless limits hold back most of them

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
        own, own_running = run.business_id, self.running_by_business[run.business_id]
        reached = own_running + before
        is_behind_own = False
        for business, queued in self.orders[limit]:
            if business == own:
                is_behind_own = True
                continue
            running = self.running_by_business[business]
            # Whoever has just been claimed from is served last among those that have as many running.
            is_first_on_tie = running > own_running or (running == own_running and not is_behind_own)
            turns = reached - running + (1 if is_first_on_tie else 0)
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
            if self.snapshot.limit_reached(*key) in (None, limit):
                room = () if model.slug == run.slug else room_under_own_limits(self.snapshot, key)
                before += min([bisect_left(self.ages.get(key, ()), age), *room])
        return before

    @cached_property
    def running_by_business(self) -> Counter[int]:
        return self.snapshot.running_by_business


def fetch_queue_view(queue: str, asked: Collection[BusinessAndType]) -> QueueView:
    """The queue, for the places of runs of these businesses and types. Two round trips."""
    snapshot, heads = fetch_first_heads(queue, asked)
    others = {head.business for order in heads.values() for head in order}
    types = types_of(queue)
    workers = slots_of_workers(queue)
    of_own = {"businesses": sorted({business for business, _type in asked}), "most": MOST + 1}
    of_others = {"businesses": sorted(others), "most": MOST + 1}
    results = iter(
        fetch_pipelined(
            [
                *((place_statements.first_in_queue_sql(model), of_own) for model in types),
                *((place_statements.count_in_queue_sql(model), of_others) for model in types),
                (place_statements.count_slots_sql(workers.sql, run_types()), workers.parameters),
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


def fetch_first_heads(
    queue: str, asked: Collection[BusinessAndType]
) -> tuple[QueueSnapshot, dict[Limit | None, list[Head]]]:
    """The heads that nothing holds back (None), and those that each limit of all businesses does, if it does these too.

    The whole queue is read only where the first heads aren't enough: thousands of businesses may wait.
    """
    for first in (FIRST_HEADS, None):
        snapshot = fetch_snapshot(queue, first=first)
        limits = {snapshot.limit_reached(*key) for key in asked}
        in_order, is_cut = heads_without_gap(snapshot, first)
        groups = {limit: first_heads(snapshot, in_order, limit) for limit in limits if is_of_all(limit)}
        if not is_cut or all(len({head.business for head in heads}) > MOST for heads in groups.values()):
            break
    return snapshot, groups


def heads_without_gap(snapshot: QueueSnapshot, first: int | None) -> tuple[list[Head], bool]:
    """The heads in order, up to the last one of a type of which there may be more; and whether there is such a type."""
    in_order = snapshot.sort(snapshot.heads)
    heads_of_type = Counter(head.model for head in in_order)
    last_of_type = {head.model: number for number, head in enumerate(in_order)}
    ends = [last_of_type[model] for model, heads in heads_of_type.items() if heads == first]
    return (in_order[: min(ends) + 1], True) if ends else (in_order, False)


def is_of_all(limit: Limit | None) -> bool:
    """Do runs that this holds back have a place in the queue?"""
    return limit is None or limit.business is None


def first_heads(snapshot: QueueSnapshot, in_order: Sequence[Head], limit: Limit | None) -> list[Head]:
    """Those that nothing holds back, or nothing but this limit, in order.

    Of one business more than can stand before a run that has a place, for its own may be among them.
    """
    heads = [head for head in in_order if snapshot.limit_reached(head.business, head.model.slug) in (None, limit)]
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

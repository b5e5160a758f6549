"""Make room for a business that has fewer slots than others.

Whoever finds runs that wait and no free slot asks here: a start, and each worker while all of its slots are busy. Slots
are counted over all queues of the workers that serve the queue. A limit that is reached is shared in the same way: the
runs that it counts make room for those that it holds back.

A run is asked to interrupt after the short slice when its business has at least two slots more than the one that
waits, or when that one has none; after the long slice also for another run of its own business. It goes back to the
queue at its next item, and goes on from there when its turn comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import connection, transaction

from ..database import fetch_pipelined
from ..models import Run, claim_statements, run_types
from ..models.fleet import slots_of_workers
from ..models.queue_snapshot import FIRST, Limit, QueueSnapshot, fetch_order
from ..states import StopRequest

ADVISORY_LOCK = 714_014  # one at a time: two would ask two runs where one is enough


@dataclass(frozen=True)
class OccupiedSlot:
    """A running run; `is_stopping` if it is about to leave its slot, `seconds` since its attempt was claimed.

    They are 0 until the attempt has finished something. They are 0, too, and nobody counts on the slot, where the run
    was asked to stop but hasn't finished anything for a short slice: its item is long, or it hangs.
    """

    model: type[Run]
    pk: int
    business: int
    is_stopping: bool
    seconds: float
    worker: str = ""


def make_room(queue: str) -> int:
    """Ask runs to make room for those that wait in this queue; how many were asked."""
    if settings.RUNS_TIME_SLICE_SECONDS is None and settings.RUNS_SHORT_SLICE_SECONDS is None:
        return 0
    workers = dict(slots_of_workers(queue).fetch())
    if not workers:
        return 0
    with transaction.atomic():
        if not lock_room():
            return 0
        # No more can be served than there are slots, but limits may hold back all of the first.
        snapshot, _order = fetch_order(queue, first=max(FIRST, sum(workers.values())))
        return interrupt(choose_slots(snapshot, fetch_occupied_slots(), workers))


def choose_slots(
    snapshot: QueueSnapshot, occupied: Sequence[OccupiedSlot], workers: Mapping[str, int]
) -> list[OccupiedSlot]:
    """The slots to ask for. `workers` are those that serve the queue, with their slots."""
    asked: list[OccupiedSlot] = []
    for limit, waiting in group_by_shortage(snapshot).items():
        if limit is None:
            size = sum(workers.values())
            shared = [slot for slot in occupied if slot.worker in workers]
        else:
            size = limit.max_running
            shared = [slot for slot in occupied if limit.covers(slot.business, slot.model.slug)]
        shared = [replace(slot, is_stopping=slot.is_stopping or slot in asked) for slot in shared]
        asked += choose_interrupts(waiting, shared, size - len(shared))
    return asked


def group_by_shortage(snapshot: QueueSnapshot) -> dict[Limit | None, list[int]]:
    """The businesses that wait, in order, by the limit that holds them back; None: they lack a slot."""
    room: dict[Limit, int] = {}
    groups: dict[Limit | None, list[int]] = {}
    for head in snapshot.sort(snapshot.heads):
        limits = list(snapshot.limits_of(head.business, head.model.slug))
        for limit in limits:
            room.setdefault(limit, limit.max_running - snapshot.count_running(limit))
        reached = next((limit for limit in limits if room[limit] <= 0), None)
        for limit in limits if reached is None else ():
            room[limit] -= 1
        groups.setdefault(reached, []).append(head.business)
    return groups


def interrupt(slots: Iterable[OccupiedSlot]) -> int:
    """Ask these runs to stop; how many. One that somebody else is writing just now is left for the next time."""
    keys: dict[type[Run], list[int]] = {}
    for slot in slots:
        keys.setdefault(slot.model, []).append(slot.pk)
    rows = (model.objects.filter(pk__in=keys[model]).locked(skip_locked=True) for model in run_types() if model in keys)
    return sum(each.request_stop(StopRequest.INTERRUPT, actor=None) for each in rows)


def lock_room() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        return bool(cursor.fetchone()[0])


def fetch_occupied_slots() -> list[OccupiedSlot]:
    models = run_types()
    patience = {"patience": settings.RUNS_SHORT_SLICE_SECONDS or settings.RUNS_TIME_SLICE_SECONDS}
    rows = fetch_pipelined([(claim_statements.occupied_slots_sql(model), patience) for model in models])
    return [OccupiedSlot(model, *row) for model, occupied in zip(models, rows, strict=True) for row in occupied]


def choose_interrupts(waiting: Iterable[int], occupied: Sequence[OccupiedSlot], free: int) -> list[OccupiedSlot]:
    """The slots to ask for, at most one for each business in `waiting`, which is in order.

    A slot that is free or about to be goes to the first of them. No business is asked for a slot that would leave it
    with fewer than the one that waits.
    """
    counts = Counter(slot.business for slot in occupied if not slot.is_stopping)
    free += sum(slot.is_stopping for slot in occupied)
    askable = sorted((slot for slot in occupied if not slot.is_stopping), key=lambda slot: -slot.seconds)
    asked = []
    for business in waiting:
        counts[business] += 1
        if free > 0:
            free -= 1
            continue
        chosen = max(
            (slot for slot in askable if should_make_room(slot, counts[slot.business], business, counts[business])),
            key=lambda slot: counts[slot.business],
            default=None,
        )
        if chosen is None:
            counts[business] -= 1
            continue
        askable.remove(chosen)
        counts[chosen.business] -= 1
        asked.append(chosen)
    return asked


def should_make_room(slot: OccupiedSlot, slots_of_holder: int, business: int, slots_with_one_more: int) -> bool:
    """`slots_with_one_more`: how many the waiting business would have, with the one that it waits for."""
    long_slice, short_slice = settings.RUNS_TIME_SLICE_SECONDS, settings.RUNS_SHORT_SLICE_SECONDS
    if slot.business == business:
        return long_slice is not None and slot.seconds >= long_slice
    is_unfair = slots_of_holder > slots_with_one_more or slots_with_one_more == 1
    if is_unfair and short_slice is not None and slot.seconds >= short_slice:
        return True
    is_fair = slots_of_holder >= slots_with_one_more
    return is_fair and long_slice is not None and slot.seconds >= long_slice

"""Make room for a business that has fewer slots than others.

Whoever finds runs to claim and no free slot asks here: a start, and each worker while all of its slots are busy. Slots
are counted over all queues of the workers that serve the queue.

A run is asked to interrupt after the short slice when its business has at least two slots more than the one that
waits, or when that one has none; after the long slice also for another run of its own business. It goes back to the
queue at its next item, and goes on from there when its turn comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from ..database import fetch_pipelined
from ..models import Run, Worker, claim_statements, run_types
from ..models.queue_snapshot import fetch_snapshot
from ..states import StopRequest

ADVISORY_LOCK = 714_014  # one at a time: two would ask two runs where one is enough


@dataclass(frozen=True)
class HeldSlot:
    """A running run; `is_stopping` if it will leave its slot, `seconds` since its attempt was claimed."""

    model: type[Run]
    pk: int
    business: int
    is_stopping: bool
    seconds: float


def make_room(queue: str) -> int:
    """Ask runs to make room for those that wait in this queue; how many were asked."""
    if settings.RUNS_TIME_SLICE_SECONDS is None and settings.RUNS_SHORT_SLICE_SECONDS is None:
        return 0
    workers = list(Worker.objects.alive().serving(queue))
    if not workers:
        return 0
    with transaction.atomic():
        if not lock_room():
            return 0
        held = fetch_held_slots([worker.name for worker in workers])
        free = sum(worker.slots for worker in workers) - len(held)
        waiting = [head.business for head in fetch_snapshot(queue).in_order()]
        return sum(
            slot.model.objects.filter(pk=slot.pk).request_stop(StopRequest.INTERRUPT)
            for slot in choose_interrupts(waiting, held, free)
        )


def lock_room() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        return bool(cursor.fetchone()[0])


def fetch_held_slots(workers: Sequence[str]) -> list[HeldSlot]:
    models = run_types()
    rows = fetch_pipelined([(claim_statements.slots_held_sql(model), {"workers": list(workers)}) for model in models])
    return [HeldSlot(model, *row) for model, held in zip(models, rows, strict=True) for row in held]


def choose_interrupts(waiting: Iterable[int], held: Sequence[HeldSlot], free: int) -> list[HeldSlot]:
    """The slots to ask for, at most one for each business in `waiting`, which is in order.

    A slot that is free or about to be goes to the first of them. No business is asked for a slot that would leave it
    with fewer than the one that waits.
    """
    counts = Counter(slot.business for slot in held if not slot.is_stopping)
    free += sum(slot.is_stopping for slot in held)
    askable = sorted((slot for slot in held if not slot.is_stopping), key=lambda slot: -slot.seconds)
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


def should_make_room(slot: HeldSlot, slots_of_holder: int, business: int, slots_with_one_more: int) -> bool:
    """`slots_with_one_more`: how many the waiting business would have, with the one that it waits for."""
    long_slice, short_slice = settings.RUNS_TIME_SLICE_SECONDS, settings.RUNS_SHORT_SLICE_SECONDS
    if slot.business == business:
        return long_slice is not None and slot.seconds >= long_slice
    is_unfair = slots_of_holder > slots_with_one_more or slots_with_one_more == 1
    if is_unfair and short_slice is not None and slot.seconds >= short_slice:
        return True
    is_fair = slots_of_holder >= slots_with_one_more
    return is_fair and long_slice is not None and slot.seconds >= long_slice

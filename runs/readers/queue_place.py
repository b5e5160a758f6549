"""Where a queued run stands in its queue, and what it waits for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext, ngettext

from ..models import Run
from ..models.queue_snapshot import Limit
from ..states import Status
from .queue_view import MOST, QueueView, fetch_queue_view


class WaitsFor(models.TextChoices):
    WORKER = "worker"  # none that is alive serves the queue
    LIMIT = "limit"  # as many runs are running as may
    SLOT = "slot"  # all are occupied, or others come first


@dataclass(frozen=True)
class QueuePlace:
    """`place` 1 is next; None where its business has reached its own limit, or more than `MOST` come before it."""

    place: int | None
    waits_for: WaitsFor | None  # None: there is a free slot for it
    limit: Limit | None = None  # that holds it back
    running: int = 0  # under that limit


NO_PLACE = QueuePlace(None, None)


def attach_queue_places(runs: Iterable[Run]) -> None:
    """Fill in the `queue_place` of those that could be claimed. Two round trips for each queue, however many runs."""
    by_queue: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.status == Status.QUEUED and not run.seconds_to_wait:
            by_queue[run.queue].append(run)
    for queue, queued in by_queue.items():
        view = fetch_queue_view(queue, {(run.business_id, run.slug) for run in queued})
        for run in queued:
            run.queue_place = place_in(view, run)


def place_in(view: QueueView, run: Run) -> QueuePlace:
    limit = view.snapshot.limit_reached(run.business_id, run.slug)
    place = None if limit and limit.business is not None else view.find_place(run, limit)
    if view.slots is None:
        return QueuePlace(place, WaitsFor.WORKER)
    if limit:
        return QueuePlace(place, WaitsFor.LIMIT, limit, view.snapshot.count_running(limit))
    is_slot_free = place is not None and place <= view.slots - view.occupied
    return QueuePlace(place, None if is_slot_free else WaitsFor.SLOT)


def place_message(place: QueuePlace) -> str:
    """It names no other business and no number of another's runs but the place (G5)."""
    if place.waits_for == WaitsFor.WORKER:
        return gettext("No worker is running.")
    if place.waits_for is None:
        return gettext("It starts in a moment.")
    if place.limit is None:
        return order_message(place.place)
    if place.limit.max_running == 0:
        return gettext("It is held back in the queue.")
    if place.limit.business is None:
        # Not within the f-string, where xgettext wouldn't find it.
        reached = gettext("The limit for all businesses together is reached.")
        return f"{reached} {order_message(place.place)}"
    return ngettext(
        "%(n)d run of this business is running: the limit.",
        "%(n)d runs of this business are running: the limit.",
        place.running,
    ) % {"n": place.running}


def order_message(place: int | None) -> str:
    if place is None:
        return gettext("More than %(n)d runs are before it in the queue.") % {"n": MOST}
    return gettext("Place %(n)d in the queue.") % {"n": place} if place > 1 else gettext("It is next in the queue.")


def place_evidence(place: QueuePlace) -> dict[str, Any]:
    limit = place.limit
    is_own = limit is not None and limit.business is not None  # a wider one would tell how much others run
    return {
        "place_in_queue": place.place,
        "waits_for": place.waits_for and place.waits_for.value,
        "running_of_limit": {"running": place.running, "limit": limit.max_running} if limit and is_own else None,
    }

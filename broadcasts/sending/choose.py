"""Stage 1: which recipient is next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from runs.database import retry_while_database_is_away
from runs.states import ItemStatus

from ..models import Recipient, WhatsAppBroadcast

BATCH: Final = 500  # recipients read at once


def pending_recipients(run: WhatsAppBroadcast) -> Iterator[Recipient]:
    """The run's pending recipients in the audience's order, read a batch at a time."""
    last = 0
    while batch := retry_while_database_is_away(_read_batch, run, last):
        yield from batch
        last = batch[-1].pk


def _read_batch(run: WhatsAppBroadcast, after: int) -> list[Recipient]:
    rows = Recipient.objects.filter(run=run, status=ItemStatus.PENDING, pk__gt=after)
    return list(rows.order_by("pk")[:BATCH])


class RecipientQueue:
    """Pending recipients in the audience's order; postponed ones come first, as soon as they are due."""

    def __init__(self, recipients: Iterator[Recipient]) -> None:
        self._recipients = recipients
        self._postponed: list[tuple[float, int, Recipient]] = []  # a heap, by the time when each is due again

    def take_next(self) -> Recipient | None:
        if self._postponed and self.seconds_until_due() <= 0:
            return heappop(self._postponed)[2]
        return next(self._recipients, None)

    def postpone(self, recipient: Recipient, seconds: float = 0.0) -> None:
        heappush(self._postponed, (time.monotonic() + seconds, recipient.pk, recipient))

    @property
    def has_postponed(self) -> bool:
        return bool(self._postponed)

    def seconds_until_due(self) -> float:
        """Until the first postponed recipient is due; negative once it is."""
        return self._postponed[0][0] - time.monotonic()

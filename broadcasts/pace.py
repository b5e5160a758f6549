"""How fast an account may send: one pace for all workers, kept in PostgreSQL by its clock.

A worker takes a few moments at once, each at its own time, so the pace holds whoever sends and
however many. Moments that pass unused are lost but for the last few: nobody makes up for a pause by a burst.
"""

from __future__ import annotations

import time
from collections import deque

from django.db import connection

from runs.database import retry_while_database_is_away

from .models import Pace, ProviderAccount

SHARE = 20  # of a second's messages are taken at once

# Nothing is lost with a pace that a crash forgets, so nobody waits for the disk.
_TAKE = """
    UPDATE broadcasts_pace pace
    SET next_at = GREATEST(next_at, clock_timestamp() - interval '250 milliseconds')
        + %(moments)s / account.rate * interval '1 second'
    FROM broadcasts_provideraccount account
    WHERE pace.account_id = %(account)s AND account.id = pace.account_id
    RETURNING
        extract(epoch FROM next_at - clock_timestamp())::float8 - %(moments)s / account.rate,
        1 / account.rate,
        set_config('synchronous_commit', 'off', true)
"""
_HOLD = """
    UPDATE broadcasts_pace
    SET next_at = GREATEST(next_at, clock_timestamp() + %s * interval '1 second') WHERE account_id = %s
"""


class Pacer:
    """One worker's view of an account's pace."""

    def __init__(self, account: ProviderAccount) -> None:
        Pace.objects.get_or_create(account=account)
        self._account = account
        self._moments: deque[float] = deque()

    def delay(self) -> float:
        """Take the next moment; the seconds until then."""
        if not self._moments:
            retry_while_database_is_away(self._take, max(1, round(self._account.rate / SHARE)))
        return max(0.0, self._moments.popleft() - time.monotonic())

    def is_due(self) -> bool:
        """Has the next moment come, of those that were taken already?"""
        return bool(self._moments) and self._moments[0] <= time.monotonic()

    def _take(self, moments: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"moments": moments, "account": self._account.pk})
            first, step, _synchronous = cursor.fetchone()
        start = time.monotonic() + first
        self._moments.extend(start + number * step for number in range(moments))

    def hold(self, seconds: float) -> None:
        """Nobody sends by this account for so long."""
        self._moments.clear()
        retry_while_database_is_away(self._hold, seconds)

    def _hold(self, seconds: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_HOLD, [seconds, self._account.pk])

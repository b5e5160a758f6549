"""Stage 2: how fast an account may send. One rate limit for all workers, in PostgreSQL and by its clock.

1. A worker takes a few permits at once, each due at its own time. So the rate holds, however many workers send.
2. Permits that no worker takes in time are lost, except the last few: so a pause is never followed by a burst.
3. A hold-off moves the next permit of the account into the future, for all workers.
4. A worker takes only permits that it will use. Where the next one is due later than a run may wait in its slot, it
   takes none and the run waits in the queue: otherwise runs that share a slow account would take all permits, leave,
   and come back to find the next ones later still.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_noop

from runs.database import retry_while_database_is_away
from runs.exceptions import RunDeferred

from ..models import Pace, ProviderAccount

SHARE: Final = 20  # a worker takes this part of a second's permits at once
LIMIT: Final = gettext_noop("WhatsApp limit")

# Called when a worker has no permit left. Locks the account's row; returns the seconds until the first permit is due
# and the seconds between two; no row where the first one is due too late. Not synchronous: a row that a crash sets back
# loses nothing, so no worker waits for the disk.
_TAKE_PERMITS: Final = """
    UPDATE broadcasts_pace pace
    SET next_at = GREATEST(next_at, clock_timestamp() - interval '250 milliseconds')
        + %(permits)s / account.rate * interval '1 second'
    FROM broadcasts_provideraccount account
    WHERE pace.account_id = %(account)s AND account.id = pace.account_id
        AND pace.next_at <= clock_timestamp() + %(longest)s * interval '1 second'
    RETURNING
        extract(epoch FROM next_at - clock_timestamp())::float8 - %(permits)s / account.rate,
        1 / account.rate,
        set_config('synchronous_commit', 'off', true)
"""
_SECONDS_UNTIL_NEXT: Final = """
    SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM broadcasts_pace WHERE account_id = %s
"""
# Called when the provider has refused a message for its account's rate.
_HOLD_OFF: Final = """
    UPDATE broadcasts_pace
    SET next_at = GREATEST(next_at, clock_timestamp() + %s * interval '1 second') WHERE account_id = %s
"""


class RateLimiter:
    """One worker's permits of an account."""

    def __init__(self, account: ProviderAccount) -> None:
        Pace.objects.get_or_create(account=account)
        self._account = account
        self._permits: deque[float] = deque()  # when each is due, by the monotonic clock

    def take_permit(self) -> float:
        """Take the next permit; return the seconds until it is due.

        Raises `RunDeferred` where it is due too late to wait for it in a slot.
        """
        if not self._permits:
            retry_while_database_is_away(self._fetch_permits, max(1, round(self._account.rate / SHARE)))
        return max(0.0, self._permits.popleft() - time.monotonic())

    def is_due(self) -> bool:
        """Is the next permit due, of those that were fetched already?"""
        return bool(self._permits) and self._permits[0] <= time.monotonic()

    def _fetch_permits(self, permits: int) -> None:
        with connection.cursor() as cursor:
            longest = settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS
            cursor.execute(_TAKE_PERMITS, {"permits": permits, "account": self._account.pk, "longest": longest})
            taken = cursor.fetchone()
            if taken is None:
                cursor.execute(_SECONDS_UNTIL_NEXT, [self._account.pk])
                raise RunDeferred(cursor.fetchone()[0], LIMIT)
        first, step, _synchronous = taken
        start = time.monotonic() + first
        self._permits.extend(start + number * step for number in range(permits))

    def hold_off(self, seconds: float) -> None:
        """No worker gets a permit of this account for so long."""
        self._permits.clear()
        retry_while_database_is_away(self._write_hold_off, seconds)

    def _write_hold_off(self, seconds: float) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_HOLD_OFF, [seconds, self._account.pk])

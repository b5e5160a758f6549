"""How often a caller may do something: a row a caller in PostgreSQL, so that all processes count together.

The row has the time at which everything the caller did is paid off (the generic cell rate algorithm). At 60/hour a
call costs a minute, and a caller may be an hour in debt: sixty calls may come at once, and then one a minute. A caller
without a row, or with a row whose time has passed, owes nothing.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, NamedTuple, Self

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from rest_framework.settings import api_settings

from .models import Throttle

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}

# Takes a permit: one row, or none where the caller would be further in debt than the period allows. Atomic without
# a transaction: of two callers at once the second waits for the row and is compared with what the first has left.
_TAKE = """
    INSERT INTO runs_throttle AS throttle (key, paid_at)
    VALUES (%(key)s, statement_timestamp() + %(cost)s)
    ON CONFLICT (key) DO UPDATE
    SET paid_at = GREATEST(throttle.paid_at, statement_timestamp()) + %(cost)s
    WHERE throttle.paid_at <= statement_timestamp() + %(period)s - %(cost)s
    RETURNING 1
"""
# Seconds until the next permit, for one who was just refused.
_WAIT = """
    SELECT extract(epoch FROM paid_at + %(cost)s - %(period)s - statement_timestamp())
    FROM runs_throttle WHERE key = %(key)s
"""


class Rate(NamedTuple):
    calls: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """`60/hour`, as Django REST framework writes it."""
        calls, _slash, period = text.partition("/")
        return cls(int(calls), timedelta(seconds=PERIODS[period]))

    @property
    def cost(self) -> timedelta:
        return self.period / self.calls


def take_permit_or_get_wait(scope: str, caller: object) -> int | None:
    """Seconds to wait, at least one; None where the caller may go on, as always in a scope without a rate."""
    rate = _rate_of(scope)
    return take_permit_or_get_wait_at(rate, scope, caller) if rate else None


def take_permit_or_get_wait_at(rate: Rate, scope: str, caller: object) -> int | None:
    """Seconds to wait, at least one; None where the caller may go on.

    In a transaction that is rolled back the permit wasn't taken. Until it ends, other calls of the caller wait.
    """
    parameters: Any = {"key": _row_key(scope, caller), "cost": rate.cost, "period": rate.period}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, parameters)
        if cursor.fetchone():
            return None
        cursor.execute(_WAIT, parameters)
        row = cursor.fetchone()  # none, where the sweep has dropped it meanwhile
    return max(1, math.ceil(row[0])) if row else 1


def return_permit(scope: str, caller: object) -> None:
    """For a call that doesn't count after all."""
    rate = _rate_of(scope)
    if rate is not None:
        Throttle.objects.filter(key=_row_key(scope, caller)).update(paid_at=F("paid_at") - rate.cost)


def delete_expired_rows() -> int:
    """Delete the rows whose time has passed; how many."""
    return Throttle.objects.filter(paid_at__lt=Now()).delete()[0]


def _rate_of(scope: str) -> Rate | None:
    text: Any = api_settings.DEFAULT_THROTTLE_RATES.get(scope)
    return Rate.parse(text) if text else None


def _row_key(scope: str, caller: object) -> str:
    return f"{scope} {caller}"

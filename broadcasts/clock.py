"""The database's time, for what a worker writes without asking the database."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import connection

from runs.database import retry_while_database_is_away


class DatabaseClock:
    """Asked once, and carried on by this process's monotonic clock: nobody's wall clock takes part."""

    def __init__(self) -> None:
        self._began: datetime = retry_while_database_is_away(_database_now)
        self._began_at = time.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._began_at)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchone()
    assert isinstance(now, datetime)  # noqa: S101  for the type checker
    return now

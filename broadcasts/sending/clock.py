"""The database's time, for values that a worker writes later or outside SQL."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from runs.database import fetch_database_time, retry_while_database_is_away


class DatabaseClock:
    """Read once and carried on by this process's monotonic clock: a wrong wall clock has no influence."""

    def __init__(self) -> None:
        self._began: datetime = retry_while_database_is_away(fetch_database_time)
        self._began_at = time.monotonic()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._began_at)

    def isoformat(self) -> str:
        return self.now().isoformat()

"""Sweep when beat doesn't, by the database's clock.

Beat requests a round every interval by the clock of its own machine: once that clock has run ahead and was set right,
it requests nothing until real time has caught up. It may also have died, or its message may be in a broker that is
away. So the worker that serves the sweep's queue runs this thread:

1. one round at once: there was none while the installation was down, and /readyz waits for it;
2. a check of the last round's age, ten times an interval;
3. a round of its own where that is half an interval overdue: later than beat's, and before /readyz fails.

Two rounds never meet: the sweep's row is their lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections, connection

from ..database import discard_connection, is_database_away
from . import sweep as rounds

logger = logging.getLogger(__name__)

CHECKS_PER_INTERVAL = 10
OVERDUE_INTERVALS = 1.5
STOP_SECONDS = 5


class SweepWatchdog(threading.Thread):
    """In the worker's main process, so that a pool that is busy or shutting down delays no round."""

    def __init__(self) -> None:
        super().__init__(name="sweep watchdog", daemon=True)
        self._stopped = threading.Event()
        self._database_away = False

    def run(self) -> None:
        self._call_safely(rounds.sweep)
        while not self._stopped.wait(settings.RUNS_SWEEP_INTERVAL_SECONDS / CHECKS_PER_INTERVAL):
            self._call_safely(sweep_if_overdue)
        connection.close()

    def stop(self) -> None:
        """Let a round that is under way finish: one that is cut off has the lease for two intervals more."""
        self._stopped.set()
        self.join(STOP_SECONDS)

    def _call_safely(self, step: Callable[[], object]) -> None:
        """No error may end the thread. An outage is logged once."""
        try:
            close_old_connections()
            step()
        except Exception as error:
            if not is_database_away(error):
                logger.exception("The sweep failed")
                return
            if not self._database_away:
                logger.warning("The sweep waits for the database: %s", error)
            self._database_away = True
            discard_connection()
        else:
            self._database_away = False


def sweep_if_overdue() -> bool:
    """True when this call has done a round."""
    age = rounds.seconds_since_sweep()
    if age is not None and age < OVERDUE_INTERVALS * settings.RUNS_SWEEP_INTERVAL_SECONDS:
        return False
    return rounds.sweep()

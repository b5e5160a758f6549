"""Sweep when beat doesn't, by the database's clock.

Beat requests a round every interval by the clock of its own machine: once that clock has run ahead and was set right,
it requests nothing until real time has caught up. It may also have died, or its message may be in a broker that is
away. So each worker runs this thread. In the one that serves the sweep's queue:

1. one round at once: there was none while the installation was down, and /readyz waits for it;
2. a check of the last round's age, ten times an interval;
3. a round of its own where that is half an interval overdue: later than beat's, and before /readyz fails.

Any other worker begins to check after 2.5 intervals, and does a round where the last one is older than that: control
is gone, and /readyz would fail after three.

Two rounds never meet: the sweep's row is their lease.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings

from . import sweep
from .periodic_thread import PeriodicThread

CHECKS_PER_INTERVAL: Final = 10
OVERDUE_INTERVALS: Final = 1.5
CONTROL_GONE_INTERVALS: Final = 2.5


class SweepWatchdog(PeriodicThread):
    """Stopping it lets a round finish: one that is cut off has the lease for two intervals more."""

    def __init__(self, *, is_control: bool = True) -> None:
        super().__init__("sweep watchdog")
        self._is_control = is_control

    def pause_seconds(self) -> float:
        return float(settings.RUNS_SWEEP_INTERVAL_SECONDS) / CHECKS_PER_INTERVAL

    def begin(self) -> object:
        if self._is_control:
            return sweep.sweep()
        return self._stopped.wait(CONTROL_GONE_INTERVALS * settings.RUNS_SWEEP_INTERVAL_SECONDS)

    def step(self) -> bool:
        return sweep_if_overdue(OVERDUE_INTERVALS if self._is_control else CONTROL_GONE_INTERVALS)


def sweep_if_overdue(intervals: float = OVERDUE_INTERVALS) -> bool:
    """True when this call has done a round."""
    age = sweep.seconds_since_sweep()
    if age is not None and age < intervals * settings.RUNS_SWEEP_INTERVAL_SECONDS:
        return False
    return sweep.sweep()

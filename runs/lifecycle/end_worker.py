"""A worker that ends itself, for it takes no runs or has lost its name. Its supervisor starts a new one.

1. It takes no more runs, and its running attempts are asked to interrupt, which they do at their next item.
2. After `RUNS_SHUTDOWN_SECONDS` its children are killed.
3. What they still had goes back to the queue: not as deaths, for the runs aren't to blame.
4. Its row in the table of workers goes.
5. It exits, without the main thread, which may be the one that hangs.

A crash in between leaves what any death of a worker leaves: its next boot reclaims the runs, or another worker does
once the machine counts as lost.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from typing import NoReturn

from billiard import active_children
from django.conf import settings

from .shutdown import delete_row, hand_over_runs, interrupt_runs
from .worker_process import this_worker

logger = logging.getLogger(__name__)


def end_this_worker(reason: str, worker: str) -> NoReturn:
    """Called by a thread of the main process."""
    logger.error("%s: worker=%s ends itself", reason, worker)
    try:
        this_worker.set_stopping(True)
        interrupt_runs()
        time.sleep(settings.RUNS_SHUTDOWN_SECONDS)
        kill_children()
        hand_over_runs()
        delete_row()
    finally:
        os._exit(1)


def kill_children() -> None:
    for pid in filter(None, [child.pid for child in active_children()]):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

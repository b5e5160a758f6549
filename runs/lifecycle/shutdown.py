"""A worker that is told to stop, as by a deploy: its runs go back to the queue, and other workers go on with them.

1. At the signal its running attempts are asked to interrupt, which they do at their next item.
2. After `RUNS_SHUTDOWN_SECONDS` the processes that are still busy are killed, as if they were lost.
3. Once no process is left, the queues are woken for the other workers.
4. The worker's row in the table of workers goes: it isn't lost (`fleet`).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from typing import Any

from celery.signals import worker_shutdown, worker_shutting_down
from celery.worker import state
from django.conf import settings
from django.db import Error, connection, transaction

from ..models import Run, Worker
from ..states import Status, StopRequest
from .dispatch import wake_if_claimable
from .reclaim import reclaim_and_wake
from .signal_steps import for_each_run_type
from .worker_process import this_worker

logger = logging.getLogger(__name__)


@worker_shutting_down.connect
def interrupt_before_shutdown(sender: str, how: str, **kwargs: Any) -> None:
    """The running attempts of this worker go back to the queue at their next item.

    In a thread: this is called in the signal's handler, and what it interrupted may be a query, whose lock on the main
    thread's connection would never be released.
    """
    this_worker.set_stopping(True)
    if how == "Warm":
        threading.Thread(target=interrupt_runs, name="interrupt runs", daemon=True).start()


def interrupt_runs() -> None:
    def interrupt(model: type[Run]) -> None:
        with transaction.atomic():
            mine = model.objects.filter(worker_boot=this_worker.boot, status=Status.RUNNING)
            mine.locked().request_stop(StopRequest.INTERRUPT, actor=None)

    for_each_run_type(interrupt)


@worker_shutting_down.connect
def limit_shutdown(how: str, **kwargs: Any) -> None:
    """A deploy doesn't wait for the end of a long item: after a while its process is killed, and counts as lost."""
    if how == "Warm":
        timer = threading.Timer(settings.RUNS_SHUTDOWN_SECONDS, kill_busy_children)
        timer.daemon = True
        timer.start()


def kill_busy_children() -> None:
    for request in list(state.active_requests):
        if pid := request.worker_pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@worker_shutdown.connect
def wake_other_workers(**kwargs: Any) -> None:
    """Not earlier: this worker itself might receive the message while it shuts down."""
    hand_over_runs()


def hand_over_runs() -> None:
    """To the queues, for other workers: no process of this one is left."""

    def hand_over(model: type[Run]) -> None:
        reclaim_and_wake(model.objects.filter(worker_boot=this_worker.boot), "its parent", is_death=False)
        wake_if_claimable(model.queue)

    for_each_run_type(hand_over)


def delete_row() -> None:
    """Nobody takes a worker for lost that has handed over its runs."""
    try:
        Worker.objects.filter(boot=this_worker.boot).delete()
    except Error as error:
        logger.warning("The worker couldn't delete its row, which will grow old: %s", error)
    finally:
        connection.close()

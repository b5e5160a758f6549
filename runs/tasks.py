"""Thin Celery entries. A worker imports this module, and with it the handlers of its signals."""

import logging
from typing import Any

from celery import Task, shared_task
from celery.exceptions import WorkerLostError
from celery.signals import celeryd_after_setup, worker_shutdown
from django.db import Error

from .database import discard_connection, is_database_away
from .lifecycle import fleet, queue_watch, reclaim, shutdown  # noqa: F401  they handle the worker's signals
from .lifecycle import sweep as rounds
from .lifecycle.dispatch import WORK_TASK
from .lifecycle.sweep_watchdog import SweepWatchdog
from .lifecycle.worker import work_on_next

logger = logging.getLogger(__name__)


@shared_task(
    bind=True,
    name=WORK_TASK,
    ignore_result=True,
    acks_late=False,  # early: a broker must never hand a long run to a second worker
    throws=(WorkerLostError,),  # the run goes on: one line in the log, no traceback
)
def work(self: Task[Any, Any], queue: str) -> None:
    work_on_next(queue, worker=self.request.hostname or "", task_id=self.request.id or "")


@shared_task(name="runs.sweep", ignore_result=True)
def sweep() -> None:
    sweep_unless_database_is_away()


def sweep_unless_database_is_away() -> None:
    """Do a round; where the database is away, log one line."""
    try:
        rounds.sweep()
    except Error as error:
        if not is_database_away(error):
            raise
        logger.warning("The sweep waits for the database: %s", error)
        discard_connection()


@celeryd_after_setup.connect
def start_sweep_watchdog(instance: Any, **kwargs: Any) -> None:
    """This signal comes before the worker connects to its broker."""
    watchdog = SweepWatchdog(is_control=rounds.SWEEP_QUEUE in instance.app.amqp.queues.consume_from)
    watchdog.start()
    worker_shutdown.connect(lambda **kwargs: watchdog.stop(), weak=False)

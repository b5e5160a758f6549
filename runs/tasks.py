"""Thin Celery entries."""

import logging
from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup, worker_shutdown
from django.db import Error

from .database import discard_connection, is_database_away
from .lifecycle import sweep as rounds
from .lifecycle.sweep_watchdog import SweepWatchdog

logger = logging.getLogger(__name__)

SWEEP_QUEUE = "control"


@shared_task(name="runs.sweep", ignore_result=True)
def sweep() -> None:
    sweep_or_wait()


def sweep_or_wait() -> None:
    """A round; one log line where the database takes none."""
    try:
        rounds.sweep()
    except Error as error:
        if not is_database_away(error):
            raise
        logger.warning("The sweep waits for the database: %s", error)
        discard_connection()


@celeryd_after_setup.connect
def watch_over_sweep(instance: Any, **kwargs: Any) -> None:
    """Only in the worker that serves the sweep's queue; at once, and not only when it has found its broker."""
    if SWEEP_QUEUE in instance.app.amqp.queues.consume_from:
        watchdog = SweepWatchdog()
        watchdog.start()
        worker_shutdown.connect(lambda **kwargs: watchdog.stop(), weak=False)

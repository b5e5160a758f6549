"""Thin Celery entries."""

from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup, worker_shutdown

from . import sweep as rounds
from .sweep_watchdog import SweepWatchdog

SWEEP_QUEUE = "control"


@shared_task(name="runs.sweep", queue=SWEEP_QUEUE, ignore_result=True)
def sweep() -> None:
    rounds.sweep()


@celeryd_after_setup.connect
def watch_over_sweep(instance: Any, **kwargs: Any) -> None:
    """Only in the worker that serves the sweep's queue; at once, and not only when it has found its broker."""
    if SWEEP_QUEUE in instance.app.amqp.queues.consume_from:
        watchdog = SweepWatchdog()
        watchdog.start()
        worker_shutdown.connect(lambda **kwargs: watchdog.stop(), weak=False)

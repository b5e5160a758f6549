"""What changes a run's status: dispatch, worker, sweep, reset."""

from .dispatch import retry_failed, retry_items, start
from .worker import run_task

__all__ = ["retry_failed", "retry_items", "run_task", "start"]

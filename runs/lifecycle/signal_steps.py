"""What a worker's signal handlers do to every run type, also while the database is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connection

from ..database import is_database_away, retry_while_database_is_away
from ..models import Run, run_types

logger = logging.getLogger(__name__)


def for_each_run_type(step: Callable[[type[Run]], object]) -> None:
    """Call `step` with each run type. It logs errors and closes the connection: signals come outside of tasks."""
    try:
        for model in run_types():
            step(model)
    except Exception as error:
        if is_database_away(error):
            logger.warning("The worker puts its runs in order when the database is back: %s", error)
            threading.Thread(target=_repeat_after_outage, args=[step], daemon=True).start()
        else:
            logger.exception("The worker could not put its runs in order; the sweep will expire them")
    finally:
        connection.close()


def _repeat_after_outage(step: Callable[[type[Run]], object]) -> None:
    """In a thread: the worker's own loop must not block, or it misses its broker's heartbeats.

    Late is safe: by then every step finds only the runs that still name a dead process, or this boot of the worker.
    """
    try:
        for model in run_types():
            retry_while_database_is_away(step, model)
    except Exception:
        logger.exception("The worker could not put its runs in order; the sweep will expire them")
    finally:
        connection.close()

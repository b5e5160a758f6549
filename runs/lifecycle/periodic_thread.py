"""Threads of a worker's main process that do one thing again and again, whatever becomes of the database."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from django.db import close_old_connections, connection

from ..database import discard_connection, is_database_away

logger = logging.getLogger(__name__)

STOP_SECONDS = 5


class PeriodicThread(threading.Thread, ABC):
    """In the main process, so that a pool that is busy, hung or shutting down delays no step."""

    keeps_connection: ClassVar[bool] = False  # worth it for steps that are a second apart

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._stopped = threading.Event()
        self._database_away = False

    @abstractmethod
    def pause_seconds(self) -> float: ...

    @abstractmethod
    def step(self) -> object: ...

    def begin(self) -> object:
        """What comes before the first pause."""
        return self.step()

    def run(self) -> None:
        self._call_safely(self.begin)
        while not self._stopped.wait(self.pause_seconds()):
            self._call_safely(self.step)
        connection.close()

    def stop(self) -> None:
        """Let a step that is under way finish."""
        self._stopped.set()
        self.join(STOP_SECONDS)

    def _call_safely(self, step: Callable[[], object]) -> None:
        """No error may end the thread. An outage is logged once."""
        try:
            close_old_connections()
            step()
        except Exception as error:
            if not is_database_away(error):
                logger.exception("The %s failed", self.name)
                return
            if not self._database_away:
                logger.warning("The %s waits for the database: %s", self.name, error)
            self._database_away = True
            discard_connection()
        else:
            self._database_away = False
        finally:
            if not self.keeps_connection:
                connection.close()

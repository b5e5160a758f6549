"""Looks at the workers' free slots and at the queue during the storm. The checker judges how long a slot was free."""

from __future__ import annotations

import threading
from typing import Final

from django.db import connection

from runs.database import discard_connection, is_database_away
from runs.models import Run
from runs.models.queue_snapshot import fetch_snapshot

from ..guarantees.logs import Logs, SlotLook
from .people import database_now
from .victims import Worker

LOOK_EVERY_SECONDS: Final = 0.5


class SlotWatch(threading.Thread):
    def __init__(self, model: type[Run], workers: list[Worker], logs: Logs) -> None:
        super().__init__(name="slot watch", daemon=True)
        self.over = threading.Event()
        self._model, self._workers, self._logs = model, workers, logs

    def run(self) -> None:
        while not self.over.wait(LOOK_EVERY_SECONDS):
            try:
                self._logs.append([self._look()])
            except Exception as error:
                if not is_database_away(error):
                    raise
                discard_connection()
        connection.close()

    def _look(self) -> SlotLook:
        free_slots = sum(worker.free_slots() for worker in self._workers)
        claimable = len(fetch_snapshot(self._model.queue, [self._model]).in_order())
        return SlotLook(database_now(), free_slots, claimable)

"""What the processes of one worker know of it: which start of the worker they belong to, and whether it stops."""

from __future__ import annotations

import uuid
from multiprocessing.sharedctypes import RawValue
from typing import Any

from celery.signals import worker_init


class WorkerProcess:
    """The parent sets both; its children inherit `boot` when they are forked, and share `is_stopping`."""

    def __init__(self) -> None:
        self.boot = ""  # names this start of the worker
        self._stopping = RawValue("b", 0)

    def is_stopping(self) -> bool:
        """Does the worker take no more runs?"""
        return bool(self._stopping.value)

    def set_stopping(self, value: bool) -> None:
        self._stopping.value = value


this_worker = WorkerProcess()


@worker_init.connect
def name_this_boot(**kwargs: Any) -> None:
    this_worker.boot = uuid.uuid4().hex

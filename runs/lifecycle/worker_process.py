"""What the processes of one worker know of it: which start of it they belong to, its queues, and whether it stops."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from multiprocessing.sharedctypes import RawValue
from typing import Any

from celery.signals import celeryd_after_setup, worker_init

from ..models.queue_snapshot import queues


class WorkerProcess:
    """The parent sets all of it; its children inherit it when they are forked, and share `is_stopping`."""

    def __init__(self) -> None:
        self.boot = ""  # names this start of the worker
        self.queues: Sequence[str] = ()  # of run types, that it serves
        self._stopping = RawValue("b", 0)

    def is_stopping(self) -> bool:
        """Does the worker take no more runs?"""
        return bool(self._stopping.value)

    def set_stopping(self, value: bool) -> None:
        self._stopping.value = value


this_worker = WorkerProcess()


@celeryd_after_setup.connect
def note_queues(instance: Any, **kwargs: Any) -> None:
    """Before the children are forked."""
    this_worker.queues = [queue for queue in queues() if queue in instance.app.amqp.queues.consume_from]


@worker_init.connect
def name_this_boot(**kwargs: Any) -> None:
    this_worker.boot = uuid.uuid4().hex

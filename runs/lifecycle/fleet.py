"""Each worker announces itself in the table of workers, and takes over the runs of machines that are lost.

From a thread of the worker's main process, never from a child: an announcement proves that the machine is alive, not
that anybody works. The proof of the work stays the run's own heartbeat.

1. Announce: one statement, by the database's clock. The first announcement of a boot takes the row of its name; a
   later one that finds another boot there means that a newer worker has the name, and this one ends itself.
2. Judge: runs whose worker and whose own heartbeat are both too old go back to the queue, if this worker serves it and
   its own announcements are unbroken for as long.
3. A clean shutdown deletes the row, once its runs are handed over.

Every ten seconds, on a connection that is closed each time. A crash after any step leaves nothing to mend: the row
grows old, and the runs that went back to the queue are found by whoever looks there next.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from celery.signals import worker_ready, worker_shutdown
from django.conf import settings

from ..models import Run, Worker, run_types
from ..models.audit import Actor
from .dispatch import wake_queue
from .end_worker import end_this_worker
from .periodic_thread import PeriodicThread
from .shutdown import delete_row
from .worker_process import this_worker

logger = logging.getLogger(__name__)

MACHINE_LOST = "machine lost"


class Announcer(PeriodicThread):
    def __init__(self, name: str, queues: list[str], pool: Any) -> None:
        super().__init__("announcer")
        self._worker, self._queues, self._pool = name, queues, pool
        self._is_first = True

    def pause_seconds(self) -> float:
        return float(settings.RUNS_ANNOUNCE_SECONDS)

    def step(self) -> None:
        if not self._announce():
            end_this_worker("A newer worker has this name: give each its own (-n)", self._worker)
        self._is_first = False
        if not this_worker.is_stopping():
            reclaim_from_lost_machines(self._worker, self._queues)

    def _announce(self) -> bool:
        return Worker.objects.announce(
            name=self._worker,
            boot=this_worker.boot,
            queues=self._queues,
            slots=self._pool.num_processes,
            version=settings.RUNS_VERSION,
            host=socket.gethostname(),
            is_first=self._is_first,
        )


def reclaim_from_lost_machines(worker: str, queues: list[str]) -> int:
    """Put the runs of lost machines back in the queues that this worker serves; how many."""
    return sum(reclaim_lost(model, worker) for model in run_types() if model.queue in queues)


def reclaim_lost(model: type[Run], worker: str) -> int:
    judge = Worker.objects.filter(name=worker, boot=this_worker.boot)
    lost = model.objects.on_lost_machines(judge)
    # The reading query first: it locks nothing, and nearly always finds nothing.
    # A row that a dead machine's session still locks is left for later: this thread mustn't wait, or this worker's own
    # announcements would be broken.
    if not lost.exists() or not (
        reclaimed := lost.reclaim(Actor("worker", worker), reason=MACHINE_LOST, skip_locked=True)
    ):
        return 0
    logger.warning("Machine lost: type=%s runs=%s reclaimed by %s", model.slug, reclaimed, worker)
    wake_queue(model.queue, reclaimed)
    return reclaimed


@worker_ready.connect
def join_fleet(sender: Any, **kwargs: Any) -> None:
    announcer = Announcer(sender.hostname, sorted(sender.app.amqp.queues.consume_from), sender.pool)
    announcer.start()

    def leave_fleet(**kwargs: Any) -> None:
        announcer.stop()
        delete_row()

    # Connected last, and so called after the runs were handed over: without its row nobody could tell whose they are.
    worker_shutdown.connect(leave_fleet, weak=False)

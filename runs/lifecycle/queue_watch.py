"""A worker looks for runs by itself, whatever became of the messages about them, and notices that it has gone deaf.

Every `RUNS_CHECK_QUEUES_SECONDS`, in a thread of its main process, for each of its queues that has a run to claim:

- where it has free slots, it wakes the queue with as many messages: they go by the broker, so that any worker may take
  them, and each claims what is next then. A message too many finds nothing to claim. Busy workers take messages in
  advance, up to their number of slots: after a look in vain there is one for each worker, so that one comes here;
- where it has none, it asks others to make room.

A worker is deaf when, look after look for 30 s, it had a free slot and something to claim, the broker accepted its
messages, and it began no task: its consumer, its main loop or its pool no longer works, whatever it says. It ends
itself. A broker that is away makes nobody deaf, and neither does a machine that was frozen: looks are counted, not
seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from celery.signals import worker_ready, worker_shutdown
from celery.worker import state
from django.conf import settings

from ..models import Worker
from ..models.queue_snapshot import fetch_order, types_of
from .dispatch import make_room_and_wake, wake_queue
from .end_worker import end_this_worker
from .periodic_thread import PeriodicThread
from .worker import works
from .worker_process import this_worker

LOOP_SECONDS: Final = 1.0
STUCK_SECONDS: Final = 5.0  # a main loop that hasn't turned for so long can't tell which slots are free


class QueueWatch(PeriodicThread):
    keeps_connection = True

    def __init__(self, worker: str, queues: Sequence[str], pool: Any) -> None:
        super().__init__("queue watch")
        self._worker, self._queues, self._pool = worker, queues, pool
        self._tasks_begun = 0
        self._looks_in_vain = 0
        self._broker_away = False
        self._loop_turned_at: float | None = None  # None where the main loop doesn't tell

    def pause_seconds(self) -> float:
        return float(settings.RUNS_CHECK_QUEUES_SECONDS)

    def note_loop_turns(self) -> None:
        """Called by the main loop, every second."""
        self._loop_turned_at = time.monotonic()

    def step(self) -> None:
        in_vain, self._looks_in_vain = self._looks_in_vain, 0  # a look that fails ends the suspicion
        if this_worker.is_stopping():
            return
        claimable = [queue for queue in self._queues if is_claimable(queue)]
        takes_nothing = self.takes_nothing()
        self._broker_away = not self.offer_slots(claimable, is_again=in_vain > 0)
        if claimable and takes_nothing and not self._broker_away:
            self._looks_in_vain = in_vain + 1
        if self._looks_in_vain >= looks_until_deaf():
            end_this_worker("Deaf: it has a free slot and runs to claim, and takes none", self._worker)

    def offer_slots(self, claimable: list[str], *, is_again: bool) -> bool:
        """Wake these queues, or make room for them; False where the broker is away, which is one line in the log."""
        level = logging.DEBUG if self._broker_away else logging.WARNING
        if free := max(self.count_free_slots(), int(self.is_stuck())):
            return all(
                wake_queue(queue, max(free, count_workers(queue) if is_again else 0), level=level)
                for queue in claimable
            )
        for queue in claimable:
            make_room_and_wake(queue, level=level)
        return True

    def count_free_slots(self) -> int:
        """Those for which no message has been received. What was received is begun, or will be."""
        return int(self._pool.num_processes) - len(state.reserved_requests)

    def takes_nothing(self) -> bool:
        """Has it begun no task since the last look, though a slot is free?"""
        begun = state.all_total_count[0]
        before, self._tasks_begun = self._tasks_begun, begun
        has_free_slot = len(state.active_requests) < self._pool.num_processes
        return begun == before and (has_free_slot or self.is_stuck())

    def is_stuck(self) -> bool:
        return self._loop_turned_at is not None and time.monotonic() - self._loop_turned_at > STUCK_SECONDS


def is_claimable(queue: str) -> bool:
    """Has the queue a run that this worker can work on? Another version's worker may know more types.

    The queue is put in order first.
    """
    known = [model for model in types_of(queue) if model in works]
    _snapshot, order = fetch_order(queue, known, prepare=True)
    return bool(order)


def count_workers(queue: str) -> int:
    return Worker.objects.alive().serving(queue).count()


def looks_until_deaf() -> int:
    return round(3 * settings.RUNS_ANNOUNCE_SECONDS / settings.RUNS_CHECK_QUEUES_SECONDS)


@worker_ready.connect
def watch_queues(sender: Any, **kwargs: Any) -> None:
    if not this_worker.queues:
        return
    watch = QueueWatch(sender.hostname, this_worker.queues, sender.pool)
    if sender.hub and sender.pool.uses_semaphore:  # a pool without processes of its own works in the main loop
        watch.note_loop_turns()
        sender.hub.call_repeatedly(LOOP_SECONDS, watch.note_loop_turns)
    watch.start()
    worker_shutdown.connect(lambda **kwargs: watch.stop(), weak=False)

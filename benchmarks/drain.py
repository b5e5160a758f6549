"""10,000 short runs through four slots, beside plain Celery tasks that write the same table in the same worker.

A run is claimed in fair order, worked on and finished by a real worker on Redis; a plain task inserts a row and updates
it twice, under the same triggers. Both begin with everything waiting, a message in Redis for each.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from celery import Celery
from kombu import Queue as KombuQueue

from runs.drill.models import DrillRun
from runs.lifecycle.dispatch import WORK_TASK
from runs.models import Business
from runs.states import Status

from . import database, history, peers, workers
from .celery_app import PEER_TASK
from .harness import ROUNDS, Options, Result, Timed, Unavailable, interleaved, print_note, print_seconds, ratio

RUNS = 10_000  # in five rounds together
SLOTS = 4
BUSINESSES = 20
WARM = 25  # runs of each slot before the first round
ROUND_SECONDS = 600
QUEUE, PEER_QUEUE = DrillRun.queue, "peer"

OURS, PLAIN = "runs", "plain Celery tasks"


def measure(options: Options) -> Result:
    amount = options.amount(RUNS // ROUNDS)
    result = Result()
    figure = f"drain: of {RUNS:,} short runs through {SLOTS} slots, a second, {OURS} / {PLAIN}"
    try:
        with ExitStack() as stack:
            broker = stack.enter_context(peers.redis_server())
            stack.enter_context(database.in_scratch("drain"))
            history.add_businesses(BUSINESSES)
            name = stack.enter_context(workers.worker(broker, QUEUE, SLOTS))
            app = workers.client(broker)
            drain = Drain(app, name)
            workers.wait_until(lambda: app.control.ping([name], timeout=1), workers.START_SECONDS)
            for warm_up in (drain.time_runs, drain.time_tasks):
                warm_up(WARM * SLOTS)
            sides: dict[str, Timed] = {
                OURS: lambda: drain.time_runs(amount),
                PLAIN: lambda: drain.time_tasks(amount),
            }
            seconds = interleaved(sides, options.rounds, warm_up=False)
    except Unavailable as reason:
        print_note(f"  not measured, {reason}")
        result.at_least(0.6, figure, None)
        return result
    print_seconds(seconds, {OURS: amount, PLAIN: amount})
    result.at_least(0.6, figure, ratio(seconds, PLAIN, OURS))
    return result


class Drain:
    def __init__(self, app: Celery, worker: str) -> None:
        self._app, self._worker = app, worker
        self._businesses = list(Business.objects.values_list("pk", flat=True))

    def time_runs(self, amount: int) -> float:
        """From the moment when the worker begins to take their messages from Redis until the last run has ended."""
        before = self._count_completed()
        self._stop_consuming(QUEUE)
        history.add_queued(amount)
        self._send(WORK_TASK, [[QUEUE]] * amount, QUEUE)  # as their starts do
        seconds = self._time_consumption(QUEUE, before + amount)
        with self._app.connection_for_write() as connection:
            KombuQueue(QUEUE)(connection.default_channel).purge()  # messages that would find nothing to claim
        return seconds

    def time_tasks(self, amount: int) -> float:
        """From the moment when the worker begins to take them from Redis."""
        before = self._count_completed()
        businesses = [self._businesses[number % BUSINESSES] for number in range(amount)]
        self._send(PEER_TASK, [[business] for business in businesses], PEER_QUEUE)
        seconds = self._time_consumption(PEER_QUEUE, before + amount)
        self._stop_consuming(PEER_QUEUE)
        return seconds

    def _send(self, task: str, arguments: list[list[object]], queue: str) -> None:
        with self._app.producer_pool.acquire() as producer:
            for each in arguments:
                self._app.send_task(task, each, queue=queue, producer=producer)

    def _stop_consuming(self, queue: str) -> None:
        self._app.control.cancel_consumer(queue, destination=[self._worker], reply=True)

    def _time_consumption(self, queue: str, completed: int) -> float:
        began = time.perf_counter()
        self._app.control.add_consumer(queue, destination=[self._worker])
        workers.wait_until(lambda: self._count_completed() >= completed, ROUND_SECONDS, pause=0.1)
        return time.perf_counter() - began

    def _count_completed(self) -> int:
        return DrillRun.objects.filter(status=Status.COMPLETED).count()

"""How long one business's start waits for a worker beside another one that has queued 500 long runs.

Each start by itself: in an empty system; where the other's limit leaves one of four slots free; and where all slots
are the other's, each of whose runs has just begun: the longest wait that there is. That once more for a run of another
queue, whose worker has taken messages of the first one in advance. Real workers on Redis; waits by the database's
clock, from the start's commit to the claim.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from recordings.models import RecordingRun, Source
from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.models import Business, Run, RunLimit, Worker
from runs.states import FINISHED, Status, StopRequest

from . import database, peers, workers
from .harness import Options, Result, Unavailable, print_note

SLOTS: Final = 4
LONG_RUNS: Final = 500
STEPS, STEP_SECONDS = 100_000, 0.2
WAIT_SECONDS: Final = 60
LONGEST: Final = 12.0  # the short slice, a look of the queue watch, and one item
QUEUE, OTHER_QUEUE = DrillRun.queue, RecordingRun.queue
NO_SLOT, NO_SLOT_OTHER_QUEUE = "no free slot", "no free slot, another queue"


def measure(options: Options) -> Result:
    starts = options.starts if not options.quick else 2
    result = Result()
    try:
        with ExitStack() as stack:
            broker = stack.enter_context(peers.redis_server())
            stack.enter_context(database.in_scratch("fairness"))
            stack.enter_context(workers.sending_to(broker))
            stack.enter_context(workers.worker(broker, f"{QUEUE},{OTHER_QUEUE}", SLOTS))
            workers.wait_until(Worker.objects.alive().serving(QUEUE).exists, workers.START_SECONDS)
            waits = measure_waits(starts)
    except Unavailable as reason:
        print_note(f"  not measured, {reason}")
        return result
    for name, taken in waits.items():
        print_note(
            f"  {name}: median {statistics.median(taken):.3f} s, p95 {p95(taken):.3f} s, at most {max(taken):.3f} s"
        )
    free = statistics.median(waits["a free slot"]) / statistics.median(waits["an empty system"])
    result.at_most(2, "fairness: median wait of a start, a free slot / an empty system", free)
    slice_seconds = settings.RUNS_SHORT_SLICE_SECONDS
    for name in (NO_SLOT, NO_SLOT_OTHER_QUEUE):
        figure = f"fairness: p95 of {starts} waits, s, {name}, {slice_seconds} s slices, items of {STEP_SECONDS} s"
        result.at_most(LONGEST, figure, p95(waits[name]))
    return result


def measure_waits(starts: int) -> dict[str, list[float]]:
    greedy, other = database.new_business(), database.new_business()
    start_short = partial(dispatch.start, DrillRun, other, steps=1, step_seconds=0.0)
    source = Source.objects.create(business=other, name="Benchmark")  # without a folder: its runs end at once
    start_in_other_queue = partial(dispatch.start, RecordingRun, other, source=source)
    time_start(start_short)  # warm
    waits = {"an empty system": [time_start(start_short) for _ in range(starts)]}
    limit = RunLimit.objects.create(business=greedy, run_type=DrillRun.slug, max_running=SLOTS - 1)
    for _run in range(LONG_RUNS):
        dispatch.start(DrillRun, greedy, steps=STEPS, step_seconds=STEP_SECONDS)
    wait_until_running(greedy, SLOTS - 1)
    waits["a free slot"] = [time_start(start_short) for _ in range(starts)]
    limit.delete()
    for name, start in ((NO_SLOT, start_short), (NO_SLOT_OTHER_QUEUE, start_in_other_queue)):
        waits[name] = []
        for number in range(starts):
            begin_slices_anew(greedy)
            waits[name].append(time_start(start))
            print_note(f"  {name}, {number + 1} of {starts}: {waits[name][-1]:.2f} s")
    return waits


def time_start(start: Callable[[], Run]) -> float:
    """Seconds that a short run waits for its claim. It has ended afterwards, and its slot is free or taken again."""
    run = start()
    mine = type(run).objects.filter(pk=run.pk)
    workers.wait_until(mine.filter(status__in=FINISHED).exists, WAIT_SECONDS)
    [wait] = mine.annotate(wait=F("claimed_at") - F("created_at")).values_list("wait", flat=True)
    return float(wait.total_seconds())


def begin_slices_anew(business: Business) -> None:
    wait_until_running(business, SLOTS)  # a claim that commits after the request would keep its old slice
    [now] = Business.objects.filter(pk=business.pk).annotate(now=Now()).values_list("now", flat=True)
    DrillRun.objects.filter(business=business).request_stop(StopRequest.INTERRUPT, actor=None)
    wait_until_running(business, SLOTS, claimed_at__gt=now)


def wait_until_running(business: Business, number: int, **condition: object) -> None:
    running = DrillRun.objects.filter(business=business, status=Status.RUNNING, requested="", **condition)
    workers.wait_until(lambda: running.count() == number, WAIT_SECONDS)


def p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20, method="inclusive")[18]

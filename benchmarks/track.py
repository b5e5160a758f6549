"""What counting costs an item: `progress.track` beside tqdm, and beside a write an item of celery-progress."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from django.conf import settings

from runs.progress import Progress
from runs.states import Status

from . import database, peers
from .harness import Options, Result, Timed, Unavailable, interleaved, print_note, print_seconds, ratio

ITEMS = 2_000_000
REDIS_ITEMS = 5_000
DJANGO_ITEMS = 1_000

OURS, BARE, TQDM = "progress.track", "a bare loop", "tqdm"
REDIS, DJANGO = "celery-progress on Redis", "celery-progress on Django's database"


def measure(options: Options) -> Result:
    items = options.amount(ITEMS)
    amounts = {OURS: items, BARE: items, TQDM: items}
    amounts |= {REDIS: options.amount(REDIS_ITEMS), DJANGO: options.amount(DJANGO_ITEMS)}
    with database.in_scratch("track"), ExitStack() as stack:
        sides: dict[str, Timed] = {BARE: lambda: _time_bare(items), OURS: lambda: _time_tracked(items)}
        for name, prepare in ((TQDM, _tqdm_timer), (REDIS, _redis_timer), (DJANGO, _django_timer)):
            try:
                sides[name] = stack.enter_context(prepare(amounts[name]))
            except Unavailable as reason:
                print_note(f"  {name}: not measured, {reason}")
        seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, amounts)
    result = Result()
    result.at_most(1.5, f"track: cost an item, {OURS} / {TQDM}", ratio(seconds, OURS, TQDM))
    for name in (REDIS, DJANGO):
        dearer = ratio(seconds, name, OURS, scale=items / amounts[name])
        result.at_least(3000, f"track: cost an item, {name} / {OURS}", dearer)
    return result


def _time_bare(items: int) -> float:
    began = time.perf_counter()
    for _ in range(items):
        pass
    return time.perf_counter() - began


def _time_tracked(items: int) -> float:
    """The whole life of a claimed run: a flush a second, and the last one that completes it."""
    run = database.claimed_run()
    progress = Progress(run)
    began = time.perf_counter()
    for _ in progress.track(range(items)):
        pass
    progress.leave(Status.COMPLETED)
    seconds = time.perf_counter() - began
    run.refresh_from_db()
    flushes = run.version - 2  # made and claimed are the others
    assert run.processed == items
    assert flushes >= 1 + int(seconds / settings.RUNS_FLUSH_INTERVAL_SECONDS / 2)
    return seconds


@contextmanager
def _tqdm_timer(items: int) -> Iterator[Timed]:
    tqdm = peers.package("tqdm").tqdm
    with Path(os.devnull).open("w") as nowhere:

        def timed() -> float:
            began = time.perf_counter()
            for _ in tqdm(range(items), file=nowhere):
                pass
            return time.perf_counter() - began

        yield timed


@contextmanager
def _redis_timer(items: int) -> Iterator[Timed]:
    peers.package("celery_progress")
    with peers.redis_server() as url:
        yield _celery_progress_timer(url, items)


@contextmanager
def _django_timer(items: int) -> Iterator[Timed]:
    peers.package("celery_progress")
    peers.package("django_celery_results")
    yield _celery_progress_timer("django-db", items)


def _celery_progress_timer(backend: str, items: int) -> Timed:
    """`set_progress` for every item, as celery-progress shows it, in a task that runs in this process."""
    recorder_of = peers.package("celery_progress.backend").ProgressRecorder
    app = Celery("benchmark", backend=backend, broker="memory://", set_as_current=False)

    @app.task(bind=True, name="benchmark")
    def task(self: Any) -> float:
        recorder = recorder_of(self)
        began = time.perf_counter()
        for number in range(items):
            recorder.set_progress(number + 1, items)
        seconds = time.perf_counter() - began
        result = app.AsyncResult(self.request.id)
        assert (result.state, result.info["current"]) == ("PROGRESS", items), "it did not write"
        return seconds

    return lambda: float(task.apply(throw=True).get())

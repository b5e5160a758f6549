"""The storm itself: runs, workers, deaths, the person who retries, and the sweep."""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from django.db import connection

from runs import dispatch
from runs.database import discard_connection, is_database_away
from runs.models import Run
from runs.states import Status
from runs.sweep import sweep
from runs.timeline import SYSTEM

from ..harness import machine, say
from . import DEATHS, SWEEP_SECONDS
from .proof import Reader, violations
from .victims import Worker, kill_process, restart_database, wipe_broker

WORKERS = 2
PAUSE_SECONDS = 1.0  # between two deaths
PATIENCE_SECONDS = 240  # after the storm, for the last run to end
# What the timeline says when somebody has noticed a death, and within which seconds it must.
NOTICED = {"resumed after worker loss", "no heartbeat", "asked to interrupt"}
PROMISED = {"child": 5, "idle": 5, "deploy": 10}  # a worker's: after its silence
T = TypeVar("T")


@dataclass(frozen=True)
class Death:
    kind: str
    at: datetime
    attempts: list[tuple[int, int]]  # (run, attempt) in the hands of the victim, as far as is known


class Work(Protocol):
    """What the storm rages over: runs of one type, and the proof that they were done as promised."""

    model: type[Run]
    described: str

    def served(self) -> AbstractContextManager[Any]:
        """Whatever the runs need to work with, for as long as the storm lasts."""
        ...

    def start(self) -> Sequence[Run]: ...

    def at_work(self, pids: list[int]) -> list[int]:
        """Those of the processes that a death would hit hardest."""
        ...

    def held_by_process(self, pid: int) -> list[tuple[int, int]]:
        """The (run, attempt) it is at work on, as far as is known."""
        ...

    def violations(self) -> Iterable[str]: ...


class Storm:
    def __init__(self, folder: Path, work: Work, options: argparse.Namespace) -> None:
        self.folder, self.work = folder, work
        self.kills, self.seed, self.away = options.kills, options.seed, options.away
        self.likely = {options.only: 1} if options.only else DEATHS
        self.chance = random.Random(options.seed)
        self.runs: Sequence[Run] = ()
        self.deaths: list[Death] = []
        self.reopened = 0

    def report(self) -> dict[str, Any]:
        say(f"  {self.work.described}, {self.kills} deaths, seed {self.seed}")
        with self.work.served():
            return self._report()

    def _report(self) -> dict[str, Any]:
        self.runs = self.work.start()
        reader, over = Reader(self.work.model), threading.Event()
        sweeper = threading.Thread(target=_sweep_until, args=[over], daemon=True)
        workers = [Worker(f"w{number}", self.work.model.queue, self.folder) for number in range(WORKERS)]
        reader.start()
        sweeper.start()
        began = time.monotonic()
        try:
            self._rage(workers)
            self._calm_down(workers)
        finally:
            reader.over.set()
            over.set()
            reader.join()
            sweeper.join()
            for worker in workers:
                worker.close()
        broken = [*reader.violations, *violations(self.work.model), *self.work.violations()]
        rows = self._rows(broken, reader.looks, time.monotonic() - began)
        return {"machine": machine(_postgresql()), "rows": rows, "violations": broken}

    def _rage(self, workers: list[Worker]) -> None:
        while len(self.deaths) < self.kills:
            time.sleep(PAUSE_SECONDS * self.chance.uniform(0.5, 1.5))
            _patiently(partial(self._tend, workers))
            kind = self.chance.choices(list(self.likely), list(self.likely.values()))[0]
            if death := _patiently(partial(self._kill, kind, workers)):
                self.deaths.append(death)

    def _kill(self, kind: str, workers: list[Worker]) -> Death | None:
        """Sometimes nobody is there to be killed."""
        match kind:
            case "broker":
                death = Death(kind, _database_now(), [])
                wipe_broker(self.folder, self.work.model.queue)
            case "database":
                death = Death(kind, _database_now(), [])
                restart_database(self.folder, self.away)
            case "child" | "idle":
                if not (pool := self._pool_processes(workers, idle=kind == "idle")):
                    return None
                pid = self.chance.choice(pool)
                death = Death(kind, _database_now(), self.work.held_by_process(pid))
                kill_process(pid)
            case _:
                if not (up := [worker for worker in workers if worker.is_up]):
                    return None
                victim = self.chance.choice(up)
                death = Death(kind, _database_now(), self._held_by_worker(victim))
                victim.kill() if kind == "worker" else victim.deploy()
        return death

    def _pool_processes(self, workers: list[Worker], *, idle: bool) -> list[int]:
        """Those at work, as far as any is; or else those that wait for a task: the OOM killer picks those too."""
        pool = [pid for worker in workers for pid in worker.children()]
        at_work = self.work.at_work(pool)
        return [pid for pid in pool if pid not in at_work] if idle else at_work or pool

    def _held_by_worker(self, worker: Worker) -> list[tuple[int, int]]:
        held = self.work.model.objects.filter(worker=worker.name, status=Status.RUNNING)
        return list(held.values_list("pk", "attempt"))

    def _calm_down(self, workers: list[Worker]) -> None:
        """No more deaths: all runs must end, by what the project itself does and a person's retries."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and _patiently(partial(self._tend, workers)):
            time.sleep(0.5)

    def _tend(self, workers: list[Worker]) -> int:
        """Bring workers back, and retry what failed, as people would; how many runs aren't completed."""
        for worker in workers:
            worker.revive()
        for run in self.work.model.objects.filter(status=Status.FAILED):
            dispatch.reopen(run, SYSTEM, "retry")
            self.reopened += 1
        return self.work.model.objects.exclude(status=Status.COMPLETED).count()

    def _rows(self, broken: list[str], looks: int, seconds: float) -> list[dict[str, Any]]:
        rows = [_row("violations", len(broken), "<=", 0), _row("looks of the reader", looks, ">=", 1)]
        rows += [_row("runs retried by a person", self.reopened, ">=", 0), _row("seconds in all", seconds, ">=", 0)]
        silence = self.work.model.stale_after().total_seconds() + 2 * SWEEP_SECONDS
        for kind, taken in sorted(self._detections().items()):
            cuts = statistics.quantiles(taken, n=20, method="inclusive") if len(taken) > 1 else taken * 19
            for name, value in (("p50", cuts[9]), ("p95", cuts[18]), ("max", max(taken))):
                rows.append(
                    _row(
                        f"seconds until noticed: {kind} ({len(taken)}), {name}",
                        value,
                        "<=",
                        PROMISED.get(kind, silence),
                    )
                )
        return rows

    def _detections(self) -> dict[str, list[float]]:
        """Seconds until an attempt was taken back, sent on or expired, since the last death that met it."""
        taken: dict[str, list[float]] = defaultdict(list)
        for run in self.runs:
            for event in run.events.filter(pgh_context__reason__in=NOTICED):
                met = [death for death in self.deaths if (run.pk, event.attempt) in death.attempts]
                if earlier := [death for death in met if death.at < event.pgh_created_at]:
                    death = max(earlier, key=lambda death: death.at)
                    taken[death.kind].append((event.pgh_created_at - death.at).total_seconds())
        return taken


def _sweep_until(over: threading.Event) -> None:
    """In the place of beat and the control worker."""
    while not over.wait(1):
        _patiently(sweep)
    connection.close()


def _patiently(deed: Callable[[], T]) -> T:
    while True:
        try:
            return deed()
        except Exception as error:
            if not is_database_away(error):
                raise
            discard_connection()
            time.sleep(0.2)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _row(figure: str, value: float, op: str, limit: float) -> dict[str, Any]:
    met = value <= limit if op == "<=" else value >= limit
    return {"figure": figure, "value": round(value, 2), "op": op, "limit": limit, "met": met}

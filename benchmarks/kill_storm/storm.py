"""The storm itself: runs, workers, deaths, people, and the sweep."""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from django.db import connection

from runs.database import discard_connection, is_database_away
from runs.lifecycle.sweep import sweep
from runs.models import Run, RunLimit
from runs.states import Status

from ..guarantees.checker import check
from ..guarantees.findings import TITLES, Findings
from ..guarantees.logs import Death, Logs, Record, RunningLimit, Start
from ..harness import machine, print_note
from . import (
    DEATHS,
    MACHINE_AWAY_SECONDS,
    MACHINES,
    RESTARTS,
    SWEEP_SECONDS,
    TIMEKEEPERS,
    has_machine_deaths,
)
from .brokers import Broker
from .people import REQUESTS, People, database_now
from .reader import Reader
from .slot_watch import SlotWatch
from .victims import SLOTS, Timekeeper, Worker, kill_process, restart_database, wipe_broker

WORKERS = 2
PAUSE_SECONDS = 1.0  # between two deaths
TIMEKEEPER_AWAY_SECONDS = 20  # at most
END_SECONDS = 240  # after the last death, for the last run to end
END_THRESHOLDS = 4  # and thresholds more: runs of a business that may run one at a time may each hang twice
# The reasons in the timeline that show that a death was noticed, and within how many seconds it must be.
NOTICED = {"resumed after worker loss", "no heartbeat", "asked to interrupt", "machine lost"}
# Those that leave the other worker's announcements unbroken: it needs them to judge that a machine is lost.
BESIDE_A_LOST_MACHINE = ("child", "idle", "broker", "beat", "control", "people")
PROMISED = {
    "child": 5,
    "idle": 5,
    "deploy": 10,
    "machine": 60,
    "freeze": 60,
}  # a worker's: once its threshold has passed
PEOPLE = "people"  # instead of a death
T = TypeVar("T")


class Work(Protocol):
    """What the storm acts on: runs of one type, and the servers that they need."""

    model: type[Run]
    described: str

    def served(self) -> AbstractContextManager[Any]:
        """The servers that the runs need, while the block lasts."""
        ...

    def start(self) -> Sequence[Run]: ...

    def records(self) -> Iterable[Record]:
        """What the servers logged, for the checker."""
        ...


class Storm:
    def __init__(self, folder: Path, work: Work, broker: Broker, options: argparse.Namespace) -> None:
        self.folder, self.work, self.broker, self.logs = folder, work, broker, Logs(folder / "logs")
        self.kills, self.seed, self.away, self.slack = options.kills, options.seed, options.away, options.slack
        self.weights = _weights_of(options, broker)
        self.has_timekeepers = options.timekeepers
        self.timekeepers: list[Timekeeper] = []
        self.chance = random.Random(options.seed)
        self.runs: Sequence[Run] = ()
        self.deaths: list[Death] = []

    def report(self) -> dict[str, Any]:
        print_note(f"  {self.work.described}, {self.kills} deaths, seed {self.seed}")
        with self.work.served():
            began = time.monotonic()
            self.runs = self.work.start()
            self.logs.append(Start(run.slug, run.pk) for run in self.runs)
            _limit_running(self.runs[0])
            self.logs.append(
                RunningLimit(limit.business_id, limit.run_type, limit.max_running) for limit in RunLimit.objects.all()
            )
            people = People(self.work.model, self.logs, self.chance)
            reader = self._run_until_ended(people)
        self.logs.append(self.work.records())
        findings = check(self.logs, is_settled=True, slack=self.slack)
        violations = findings.violations()
        rows = [_row("violations", len(violations), "<=", 0), *self._rows(people, reader, time.monotonic() - began)]
        return {
            "machine": machine(_postgresql()),
            "rows": [*rows, *_guarantee_rows(findings)],
            "guarantees": [finding.as_json() for finding in findings.values()],
            "violations": violations,
        }

    def _run_until_ended(self, people: People) -> Reader:
        """Kill at random until enough is killed, then wait until the last run has ended; meanwhile a reader polls."""
        reader, over = Reader(self.work.model, people.client(), self.logs), threading.Event()
        workers = [Worker(f"w{number}", self.folder) for number in range(WORKERS)]
        slots = SlotWatch(self.work.model, workers, self.logs)
        threads: list[threading.Thread] = [reader, slots]
        if self.has_timekeepers:
            self.timekeepers = [Timekeeper(kind, self.folder) for kind in TIMEKEEPERS]
        else:
            threads.append(threading.Thread(target=_sweep_until, args=[over], daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._kill_at_random(workers, people)
            self._wait_for_end(workers, people)
        finally:
            for ending in (reader.over, slots.over, over):
                ending.set()
            for thread in threads:
                thread.join()
            for worker in workers:
                worker.close()
            for timekeeper in self.timekeepers:
                timekeeper.close()
        return reader

    def _kill_at_random(self, workers: list[Worker], people: People) -> None:
        while len(self.deaths) < self.kills:
            time.sleep(PAUSE_SECONDS * self.chance.uniform(0.5, 1.5))
            _revive([*workers, *self.timekeepers])
            _retry_outages(people.reopen_stopped_runs)
            kind = self._choose_kind(workers)
            if kind == PEOPLE:
                _retry_outages(people.interfere)
            elif kind and (death := _retry_outages(partial(self._kill, kind, workers))):
                self.deaths.append(death)
                self.logs.append([death])

    def _choose_kind(self, workers: list[Worker]) -> str:
        weights = self.weights
        if any(worker.is_away for worker in workers):
            weights = {kind: weights.get(kind, 0) for kind in BESIDE_A_LOST_MACHINE}
        return self.chance.choices(list(weights), list(weights.values()))[0] if any(weights.values()) else ""

    def _kill(self, kind: str, workers: list[Worker]) -> Death | None:
        """None where there is nothing of this kind to kill."""
        match kind:
            case "child" | "idle":
                return self._kill_child(workers, idle=kind == "idle")
            case "machine" | "freeze":
                victims = workers if all(worker.is_serving() for worker in workers) else []
            case "worker" | "deploy":
                victims = [worker for worker in workers if worker.is_up]
            case _:
                return self._kill_service(kind)
        if not victims:
            return None
        victim = self.chance.choice(victims)
        death = self._death(kind, self._attempts_of(worker=victim.name))
        match kind:
            case "machine":
                victim.lose_machine(MACHINE_AWAY_SECONDS)
            case "freeze":
                victim.freeze(MACHINE_AWAY_SECONDS)
            case "worker":
                victim.kill()
            case _:
                victim.deploy()
        return death

    def _kill_child(self, workers: list[Worker], *, idle: bool) -> Death | None:
        pool = self._pool_processes(workers, idle=idle)
        if not pool:
            return None
        pid, task = self.chance.choice(pool)
        death = self._death("idle" if idle else "child", self._attempts_of(task_id=task) if task else [])
        kill_process(pid)
        return death

    def _kill_service(self, kind: str) -> Death:
        death = self._death(kind, [])
        match kind:
            case "broker":
                wipe_broker(self.folder, self.work.model.queue)
            case "broker restart":
                self.broker.restart()
            case "database":
                restart_database(self.folder, self.away)
            case _:
                [timekeeper] = [each for each in self.timekeepers if each.kind == kind]
                timekeeper.kill(TIMEKEEPER_AWAY_SECONDS * self.chance.random())
        return death

    def _pool_processes(self, workers: list[Worker], *, idle: bool) -> list[tuple[int, str]]:
        """Pids with their tasks. `idle`: those without a task, which the OOM killer may choose too."""
        pool = [(pid, worker.task_of(pid)) for worker in workers for pid in worker.children()]
        at_work = [process for process in pool if process[1]]
        return [process for process in pool if not process[1]] if idle else at_work or pool

    def _attempts_of(self, **victim: str) -> list[list[int]]:
        """The (run, attempt) that a victim works on, as far as is known."""
        running = self.work.model.objects.filter(status=Status.RUNNING, **victim)
        return [list(pair) for pair in running.values_list("pk", "attempt")]

    def _death(self, kind: str, attempts: list[list[int]]) -> Death:
        return Death(kind, database_now(), self.work.model.slug, attempts)

    def _wait_for_end(self, workers: list[Worker], people: People) -> None:
        """Without further deaths all runs must end, by the project itself and a person's retries."""
        threshold = self.work.model.stale_after().total_seconds()
        deadline = time.monotonic() + END_SECONDS + END_THRESHOLDS * threshold
        while time.monotonic() < deadline and _retry_outages(partial(people.reopen_stopped_runs, at_once=True)):
            _revive([*workers, *self.timekeepers])
            time.sleep(0.5)

    def _rows(self, people: People, reader: Reader, seconds: float) -> list[dict[str, Any]]:
        rows = [_row("rounds of the reader", reader.reads, ">=", 1)]
        rows += [_row("runs retried by a person", people.retried, ">=", 0), _row("seconds in all", seconds, ">=", 0)]
        silence = self.work.model.stale_after().total_seconds() + 2 * SWEEP_SECONDS
        for kind, taken in sorted(self._detections().items()):
            cuts = statistics.quantiles(taken, n=20, method="inclusive") if len(taken) > 1 else taken * 19
            for name, value in (("p50", cuts[9]), ("p95", cuts[18]), ("max", max(taken))):
                figure = f"seconds until noticed: {kind} ({len(taken)}), {name}"
                rows.append(_row(figure, value, "<=", PROMISED.get(kind, silence)))
        return rows

    def _detections(self) -> dict[str, list[float]]:
        """Seconds from the last death that hit an attempt until it was reclaimed, requeued or expired."""
        taken: dict[str, list[float]] = defaultdict(list)
        for run in self.runs:
            for event in run.events.filter(pgh_context__reason__in=NOTICED):
                noticed = event.pgh_created_at.timestamp()
                met = [death for death in self.deaths if [run.pk, event.attempt] in death.attempts]
                if earlier := [death for death in met if death.at < noticed]:
                    death = max(earlier, key=lambda death: death.at)
                    taken[death.kind].append(noticed - death.at)
        return taken


def _weights_of(options: argparse.Namespace, broker: Broker) -> dict[str, int]:
    """Kinds of deaths, and how often the storm chooses each."""
    if options.only:
        return {options.only: 1}
    deaths = {
        **DEATHS,
        **(MACHINES if has_machine_deaths(options) else {}),
        **(TIMEKEEPERS if options.timekeepers else {}),
        **(RESTARTS if options.timekeepers and broker.can_restart else {}),
    }
    return deaths if options.no_people else {**deaths, PEOPLE: sum(REQUESTS.values())}


def _limit_running(run: Run) -> None:
    """The run's business may run one of its type at a time, and all businesses together fewer than there are slots."""
    RunLimit.objects.create(business_id=run.business_id, run_type=run.slug, max_running=1)
    RunLimit.objects.create(max_running=WORKERS * SLOTS - 1)


def _revive(processes: Iterable[Worker | Timekeeper]) -> None:
    for process in processes:
        process.revive()


def _sweep_until(over: threading.Event) -> None:
    """Instead of beat and the control worker."""
    while not over.wait(1):
        _retry_outages(sweep)
    connection.close()


def _retry_outages(call: Callable[[], T]) -> T:
    while True:
        try:
            return call()
        except Exception as error:
            if not is_database_away(error):
                raise
            discard_connection()
            time.sleep(0.2)


def _postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _guarantee_rows(findings: Findings) -> list[dict[str, Any]]:
    return [
        _row(f"{code} {TITLES[code]}: violations", len(finding.violations), "<=", 0)
        for code, finding in findings.items()
    ]


def _row(figure: str, value: float, op: str, limit: float) -> dict[str, Any]:
    met = value <= limit if op == "<=" else value >= limit
    return {"figure": figure, "value": round(value, 2), "op": op, "limit": limit, "met": met}

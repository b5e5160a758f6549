"""What the storm kills: workers and their children, beat and control, the broker's messages, the database."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import psutil
from django.db import connection
from kombu import Queue

from progress_project.celery import app
from progress_project.local import postgres
from runs.models import Worker as FleetRow
from runs.models.queue_snapshot import queues

from . import worker_app

SLOTS = 2  # of one worker


class Worker:
    """A worker that is started again under the same name."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = f"{name}@storm"
        self._log = (folder / f"{name}.log").open("wb")
        self._tasks = folder / "tasks"
        self._tasks.mkdir(exist_ok=True)
        self._frozen = False
        self._away_until = 0.0  # by `time.monotonic`: a machine that was lost, or stands still
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        options = f"-n {self.name} -Q {','.join(queues())} -c {SLOTS} -O fair --without-gossip --without-mingle"
        command = [sys.executable, "-m", "celery", "--quiet", "-A", worker_app.__name__, "worker", *options.split()]
        environment = {**os.environ, worker_app.FOLDER: str(self._tasks)}
        self._started_at, self._is_stopping = time.time(), False
        return subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log, start_new_session=True)

    def revive(self) -> None:
        """Start it again if it has ended, once its machine is back."""
        if self.is_away:
            return
        if self._frozen:
            self._signal_group(signal.SIGCONT)
            self._frozen = False
        if not self.is_up:
            self._signal_group(signal.SIGKILL)
            self.process = self._start()

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    @property
    def is_up(self) -> bool:
        return self.process.poll() is None and not self._frozen

    def is_serving(self) -> bool:
        """Is it up, and has this start of it announced itself?"""
        return (
            self.is_up
            and not self._is_stopping
            and FleetRow.objects.filter(
                name=self.name, booted_at__gt=datetime.fromtimestamp(self._started_at, UTC)
            ).exists()
        )

    def free_slots(self) -> int:
        return sum(not self.task_of(child) for child in self.children()) if self.is_serving() else 0

    def children(self) -> list[int]:
        """The pids of its pool, if it has one yet."""
        try:
            return sorted(child.pid for child in psutil.Process(self.process.pid).children())
        except psutil.Error:
            return []

    def task_of(self, child: int) -> str:
        """The id of the task that a pool process works on; empty for an idle one."""
        try:
            return (self._tasks / str(child)).read_text()
        except FileNotFoundError:
            return ""

    def kill(self) -> None:
        """The whole group at once, as when a machine loses power."""
        self._signal_group(signal.SIGKILL)
        self.process.wait()

    def lose_machine(self, seconds: float) -> None:
        """It dies at once, and nobody starts it again for so long."""
        self.kill()
        self._away_until = time.monotonic() + seconds

    def freeze(self, seconds: float) -> None:
        """It stands still as a suspended machine does, and goes on then as if nothing had happened."""
        self._signal_group(signal.SIGSTOP)
        self._frozen, self._away_until = True, time.monotonic() + seconds

    def deploy(self) -> None:
        self._is_stopping = True
        self.process.terminate()

    def close(self) -> None:
        self.kill()
        self._log.close()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Timekeeper:
    """Beat, or the worker of the control queue: dead for a while, then started again."""

    COMMANDS: ClassVar[dict[str, str]] = {
        "beat": "beat --pidfile=",
        "control": "worker -n control@storm -Q control -c 1 --without-gossip --without-mingle",
    }

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._tasks = kind, folder / "tasks"
        self._log = (folder / f"{kind}.log").open("wb")
        self._away_until = 0.0
        self._start()

    def _start(self) -> None:
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", worker_app.__name__]  # for its thresholds
        self._process = subprocess.Popen(
            [*celery, *self.COMMANDS[self.kind].split()],
            env={**os.environ, worker_app.FOLDER: str(self._tasks)},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    @property
    def is_up(self) -> bool:
        return self._process.poll() is None

    def kill(self, seconds_away: float = 0) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._away_until = time.monotonic() + seconds_away

    def revive(self) -> None:
        if not self.is_up and time.monotonic() >= self._away_until:
            self._start()

    def close(self) -> None:
        self.kill()
        self._log.close()


def kill_process(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(pid, signal.SIGKILL)


def wipe_broker(folder: Path, queue: str) -> None:
    """Remove all messages: they are only hints."""
    shutil.rmtree(folder / "broker" / "messages", ignore_errors=True)
    if not app.conf.broker_url.startswith("filesystem"):
        with app.connection_for_write() as broker:
            Queue(queue, channel=broker.default_channel).purge()


def restart_database(folder: Path, away: float) -> None:
    """As after a crash: its processes exit at once, and it recovers from its log."""
    connection.close()
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    psutil.Process(pid).send_signal(signal.SIGQUIT)
    time.sleep(away)  # the outage to test
    postgres.ensure_running()

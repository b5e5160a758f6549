"""The keeper of one process of `make run`: it starts again what has died, and what keeps time and was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.workers import until

IN_HASTE = "from progress_project import keep; keep.PAUSE_SECONDS, keep.STOPPED_SECONDS = 0.1, 0.5; keep.main()"


@contextmanager
def keeper(**environment: str) -> Iterator[psutil.Process]:
    kept = {**os.environ, "KEEP_COMMAND": "sleep 600", "KEEP_FOR": str(os.getpid()), **environment}
    with subprocess.Popen([sys.executable, "-c", IN_HASTE], env=kept, stdout=subprocess.PIPE, text=True) as process:
        yield psutil.Process(process.pid)
        process.terminate()
        assert process.wait(15) == 0


def children(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if child.name() == "sleep"]


def test_a_killed_process_is_started_again() -> None:
    with keeper() as process:
        until(lambda: bool(children(process)))
        [first] = children(process)
        first.kill()
        until(lambda: [child.pid for child in children(process)] not in ([], [first.pid]))
    assert not psutil.pid_exists(first.pid)


def test_one_that_keeps_time_is_started_again_when_it_was_stopped() -> None:
    with keeper(KEEP_REPLACE_STOPPED="yes") as process:
        until(lambda: bool(children(process)))
        [first] = children(process)
        first.send_signal(signal.SIGSTOP)
        until(lambda: [child.pid for child in children(process)] not in ([], [first.pid]))
    assert not psutil.pid_exists(first.pid)

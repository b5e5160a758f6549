"""The supervisor of one process of `make run` starts it again when it has died, or was stopped and keeps time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from progress_project.local import supervise_process
from tests.workers import until

WITH_SHORT_PAUSES = (
    "from progress_project.local import supervise_process as script; "
    "script.PAUSE_SECONDS, script.STOPPED_SECONDS = 0.1, 0.5; script.main()"
)


@contextmanager
def supervised_sleep(**environment: str) -> Iterator[psutil.Process]:
    own = {supervise_process.COMMAND: "sleep 600", supervise_process.LAUNCHER_PID: str(os.getpid()), **environment}
    command = [sys.executable, "-c", WITH_SHORT_PAUSES]
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as supervisor:
        yield psutil.Process(supervisor.pid)
        supervisor.terminate()
        assert supervisor.wait(15) == 0


def children(supervisor: psutil.Process) -> list[psutil.Process]:
    return [child for child in supervisor.children() if child.name() == "sleep"]


def test_a_killed_process_is_started_again() -> None:
    with supervised_sleep() as supervisor:
        until(lambda: bool(children(supervisor)))
        [first] = children(supervisor)
        first.kill()
        until(lambda: [child.pid for child in children(supervisor)] not in ([], [first.pid]))
    assert not psutil.pid_exists(first.pid)


def test_a_process_with_a_clock_is_started_again_when_it_was_stopped() -> None:
    with supervised_sleep(**{supervise_process.REPLACE_STOPPED: "yes"}) as supervisor:
        until(lambda: bool(children(supervisor)))
        [first] = children(supervisor)
        first.send_signal(signal.SIGSTOP)
        until(lambda: [child.pid for child in children(supervisor)] not in ([], [first.pid]))
    assert not psutil.pid_exists(first.pid)

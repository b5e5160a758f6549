"""`make run` starts everything, says where to go, survives a killed worker, and leaves no process behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from progress_project.environment import BASE_DIR

UP_SECONDS = 60
DOWN_SECONDS = 30
CONFIGURATION = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL", "DEBUG", "SECRET_KEY", "LOG_LEVEL")


class Copy:
    """A running copy of the demo, with state of its own."""

    def __init__(self, state: Path) -> None:
        self.port, self.state, self.log = _free_port(), state, state / "output"
        own = {"PORT": str(self.port), "DEMO_IMAP_PORT": str(_free_port()), "UNSTUCK_VAR": str(state)}
        inherited = {name: value for name, value in os.environ.items() if name not in CONFIGURATION}
        with self.log.open("w") as log:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "progress_project.launch"],
                cwd=BASE_DIR,
                env={**inherited, **own},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self, words: str) -> bool:
        return words in self.log.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def processes(self) -> list[psutil.Process]:
        """By environment, not by parent: whoever lost its parent counts too. PostgreSQL is known by its data."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            marked: bool = process.environ().get("UNSTUCK_VAR") == str(self.state)
            return marked and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def worker(self) -> psutil.Process:
        """The oldest of its processes is the parent of the others."""
        workers = [process for process in self.processes() if "worker@%h" in _command(process)]
        return min(workers, key=lambda process: float(process.create_time()))

    def stop(self) -> None:
        self.launcher.terminate()
        self.launcher.wait(DOWN_SECONDS)


def _command(process: psutil.Process) -> str:
    """Empty for one that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    running = Copy(tmp_path)
    yield running
    if running.launcher.poll() is None:
        running.stop()


def test_it_comes_up_survives_a_killed_worker_and_leaves_nothing_behind(copy: Copy) -> None:
    assert _wait_for(lambda: copy.said("Ctrl-C stops everything"), UP_SECONDS), copy.log.read_text()
    assert copy.answers()
    assert copy.said(f"Unstuck is up at http://127.0.0.1:{copy.port}/")

    copy.worker().send_signal(signal.SIGKILL)
    assert _wait_for(lambda: copy.said("died (SIGKILL), starting it again"), 5)
    assert copy.answers(), "the rest stays up without the worker"

    copy.stop()
    assert copy.launcher.returncode in (0, 143)
    assert copy.processes() == []
    assert not (copy.state / "postgres" / "postmaster.pid").exists()


PREPARE = """
from progress_project import launch
launch._manage = lambda *arguments: print(*arguments)
launch._prepare_environment()
launch._prepare_data()
print(*launch._processes())
"""
A_DATABASE = {"DATABASE_URL": "postgres://never-asked/unstuck"}


def prepared(state: Path, environment: dict[str, str]) -> str:
    """The commands that `make run` would give, and then the processes that it would start."""
    inherited = {name: value for name, value in os.environ.items() if name not in CONFIGURATION}
    own = {**inherited, "UNSTUCK_VAR": str(state), **environment}
    python = [sys.executable, "-c", PREPARE]
    return subprocess.run(python, cwd=BASE_DIR, env=own, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("environment", "is_demo"),
    [
        ({}, True),
        ({"DEMO": "0"}, False),
        (A_DATABASE, False),
        ({**A_DATABASE, "DEBUG": "1"}, False),
        ({**A_DATABASE, "DEBUG": "1", "DEMO": "1"}, True),
        ({**A_DATABASE, "DEMO": "1"}, False),
    ],
)
def test_users_of_the_demo_come_into_a_database_of_ones_own_only_when_asked_for(
    tmp_path: Path, environment: dict[str, str], is_demo: bool
) -> None:
    told = prepared(tmp_path, environment)
    assert "migrate" in told
    assert ("seed_demo" in told, "imap" in told) == (is_demo, is_demo)


def test_in_production_passwords_of_the_demo_are_looked_for_first(tmp_path: Path) -> None:
    commands = [line.split()[0] for line in prepared(tmp_path, A_DATABASE).splitlines()]
    assert commands[:3] == ["migrate", "check", "collectstatic"]


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        launch = subprocess.run(
            [sys.executable, "-m", "progress_project.launch"],
            cwd=BASE_DIR,
            env={**os.environ, "PORT": str(port), "UNSTUCK_VAR": str(tmp_path), "DATABASE_URL": "postgres://unused/"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert launch.returncode == 1
    assert f"Port {port} can't be used" in launch.stderr

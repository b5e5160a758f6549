"""`make run` starts everything, says where to go, survives what is killed, and leaves no process behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from progress_project.environment import BASE_DIR

from .demo_copy import UP_SECONDS, Copy, running_copy, unconfigured
from .servers import answers, free_port
from .workers import until

WORKER, BEAT = "worker@%h", "progress_project beat"  # in their commands
READY_SECONDS = 5
RESTART_SECONDS = 15


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    port = free_port()
    own = {"PORT": str(port), "DEMO_IMAP_PORT": str(free_port()), "UNSTUCK_VAR": str(tmp_path)}
    with running_copy(port, tmp_path, tmp_path / "output", own) as running:
        until(running.is_up, UP_SECONDS)
        yield running


def test_it_comes_up_survives_what_is_killed_and_leaves_nothing_behind(copy: Copy) -> None:
    assert copy.said(f"Unstuck is up at {copy.url}/")
    until(copy.is_ready, READY_SECONDS)
    assert answers(f"{copy.url}/favicon.ico")

    killed = [copy.find(words)[0] for words in (WORKER, BEAT)]
    for process in killed:
        process.kill()
    until(lambda: copy.output.read_text().count("died (SIGKILL), starting it again") == len(killed), 5)
    assert answers(f"{copy.url}/healthz"), "the rest stays up without them"
    until(lambda: bool(copy.find(WORKER) and copy.find(BEAT)), RESTART_SECONDS)

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
    own = unconfigured(UNSTUCK_VAR=str(state), **environment)
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

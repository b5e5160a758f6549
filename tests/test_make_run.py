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

from .demo_copy import UP_SECONDS, Copy, running_copy
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

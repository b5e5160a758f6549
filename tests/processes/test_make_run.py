"""What `make run` starts, and its error where it can't. `test_readme` proves that it works."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from progress_project.local.environment import BASE_DIR
from tests.demo_copy import unconfigured

PREPARE = """
from progress_project.local import launch
launch.prepare_environment()
for command in launch.preparing_commands():
    print(*command)
print(*launch.procfile_commands())
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
def test_demo_users_are_added_to_a_configured_database_only_on_request(
    tmp_path: Path, environment: dict[str, str], is_demo: bool
) -> None:
    output = prepared(tmp_path, environment)
    assert "migrate" in output
    assert ("seed_demo" in output, "imap" in output) == (is_demo, is_demo)


def test_in_production_the_check_for_demo_passwords_comes_first(tmp_path: Path) -> None:
    commands = [line.split()[0] for line in prepared(tmp_path, A_DATABASE).splitlines()]
    assert commands[:3] == ["migrate", "check", "collectstatic"]


def test_a_taken_port_is_an_error_of_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        launch = subprocess.run(
            [sys.executable, "-m", "progress_project.local.launch"],
            cwd=BASE_DIR,
            env={**os.environ, "PORT": str(port), "UNSTUCK_VAR": str(tmp_path), "DATABASE_URL": "postgres://unused/"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert launch.returncode == 1
    assert f"Port {port} can't be used" in launch.stderr

"""`make run` starts everything, and every command of the README and of docs/ works when pasted beside it.

The copy runs on another port than the README's, in a checkout of its own, so that its commands can find only this
copy, and with the default intervals, with which the drill proves G1. In the end it survives what is
killed, and leaves no process behind. All of it is one test, since the start takes half a minute.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from django.core.management import get_commands

from progress_project.local.environment import BASE_DIR
from tests.demo_copy import UP_SECONDS, Copy, running_copy, unconfigured
from tests.servers import answers, free_port
from tests.workers import until

PAGES = ("README.md", "docs/api.md", "docs/operations.md", "docs/benchmarks.md", "docs/providers.md")
TEXT = "\n".join((BASE_DIR / page).read_text() for page in PAGES)
NOT_OURS = shutil.ignore_patterns(".venv", "node_modules", "var", ".git", ".env", ".*_cache", ".hypothesis")
# An answer of 4xx or 5xx fails the block.
STRICTLY = 'set -eo pipefail; curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'
DRILL = (
    "killed process: the run is back in the queue",
    "killed process: completed, 0 steps missing, 0 repeated",
    "poison step: failed after two deaths, the run completed",
    "hung process: reader of the database",
    "hung process: reader of the API",
    "hung process: sweep, nobody looking",
    "hung process: its slot is free again",
)
WORKER, BEAT = "worker@%h", "progress_project beat"  # in their commands
READY_SECONDS = RESTART_SECONDS = 120
# A healthy copy logs none of these during the test.
TROUBLE = ("Traceback", "[error", "[critical", "Warning:", "AXES", "No result backend", "favicon", "socket.send()")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    excuse: str  # why no test pastes it


def blocks() -> list[Block]:
    pattern = r"(?:<!-- not pasted by the tests: (?P<excuse>.+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)\n```"
    found = re.finditer(pattern, TEXT, re.DOTALL)
    return [Block(each["language"], each["text"], each["excuse"] or "") for each in found]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "unstuck"
    shutil.copytree(BASE_DIR, folder, ignore=NOT_OURS)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Iterator[Copy]:
    port = free_port()
    make = ["make", "--old-file", ".venv/.installed", "run", f"PORT={port}"]  # the packages are there already
    own = {"DEMO_IMAP_PORT": str(free_port())}
    state, output = checkout / "var" / str(port), tmp_path / "output"
    with running_copy(port, state, output, own, command=make, folder=checkout) as running:
        until(running.is_up, UP_SECONDS)
        yield running


def paste(text: str, copy: Copy, checkout: Path) -> str:
    """The output of the commands, with this copy's address instead of the README's."""
    done = subprocess.run(
        ["bash", "-c", STRICTLY + text.replace("127.0.0.1:8000", f"127.0.0.1:{copy.port}")],
        cwd=checkout,
        env=unconfigured(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n\n{done.stdout}"
    return done.stdout


@pytest.mark.needs("make", "curl", "bash")
def test_a_copy_starts_does_what_the_readme_shows_and_survives_kills(copy: Copy, checkout: Path) -> None:
    assert copy.has_printed(f"Unstuck is up at {copy.url}/")
    until(copy.is_ready, READY_SECONDS)
    assert answers(f"{copy.url}/favicon.ico")
    assert answers(f"{copy.url}/static/runs/frame.css")

    shells = [block.text for block in blocks() if block.language == "sh" and not block.excuse]
    output = "\n".join(paste(text, copy, checkout) for text in shells)
    for finding in DRILL:
        assert re.search(rf"^{finding} +[\d.]+ s +promised [\d.]+ s +kept$", output, re.MULTILINE), output
    log = copy.output.read_text()
    assert not [line for line in log.splitlines() if any(text in line for text in TROUBLE)], log

    assert_it_restarts_what_is_killed(copy)
    copy.stop(signal.SIGINT)
    assert copy.processes() == []
    assert not (copy.state / "postgres" / "postmaster.pid").exists()


def assert_it_restarts_what_is_killed(copy: Copy) -> None:
    """A worker, the supervisor of another process, and PostgreSQL, all at once."""
    postmaster = psutil.Process(int((copy.state / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]))
    for process in (copy.find(WORKER)[0], copy.find(BEAT)[0].parent(), postmaster):
        assert process
        process.kill()
    for text in ("died (SIGKILL), starting it again", "its supervisor died", "PostgreSQL died, starting it again"):
        until(partial(copy.has_printed, text), RESTART_SECONDS)
    assert answers(f"{copy.url}/healthz"), "the rest stays up without them"
    until(lambda: bool(copy.find(WORKER) and copy.find(BEAT) and copy.is_ready()), RESTART_SECONDS)


def test_every_command_that_isnt_pasted_has_an_excuse() -> None:
    assert [block.text for block in blocks() if block.language not in ("sh", "python") and not block.excuse] == []


def test_every_target_command_and_benchmark_that_is_named_exists() -> None:
    for target in set(re.findall(r"\bmake ([a-z][a-z-]+)\b", code())):
        subprocess.run(["make", "--dry-run", target], cwd=BASE_DIR, check=True, stdout=subprocess.DEVNULL)
    for command in set(re.findall(r"manage\.py (\w+)", code())):
        assert command in get_commands()
    for arguments in set(re.findall(r"python (-m benchmarks [a-z].*)", code())):
        subprocess.run([sys.executable, *arguments.split(), "--help"], cwd=BASE_DIR, check=True, capture_output=True)


def code() -> str:
    """All that is set as code, in blocks and in sentences."""
    sentences = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    return "\n".join([*(block.text for block in blocks()), *re.findall(r"`([^`]+)`", sentences)])

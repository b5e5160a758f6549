"""A running copy of the demo, with state of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers import answers

UP_SECONDS = 600
DOWN_SECONDS = 120
CONFIGURATION = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL", "DEBUG", "SECRET_KEY", "LOG_LEVEL")
WHICH_COPY = ("PORT", "DEMO_IMAP_PORT", "UNSTUCK_VAR")


def unconfigured(**own: str) -> dict[str, str]:
    """The environment of a shell in which nothing is set but `own`."""
    unset = CONFIGURATION + WHICH_COPY
    return {**{name: value for name, value in os.environ.items() if name not in unset}, **own}


class Copy:
    def __init__(self, launcher: subprocess.Popen[bytes], port: int, state: Path, output: Path) -> None:
        self.launcher, self.port, self.state, self.output = launcher, port, state, output
        self.url = f"http://127.0.0.1:{port}"

    def is_up(self) -> bool:
        return self.has_printed("Ctrl-C stops everything")

    def has_printed(self, text: str) -> bool:
        return text in self.output.read_text()

    def is_ready(self) -> bool:
        return answers(f"{self.url}/readyz")

    def processes(self) -> list[psutil.Process]:
        """Found by environment, not by parent, so that orphans count too."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            marked: bool = process.environ().get("UNSTUCK_VAR") == str(self.state)
            return marked and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def find(self, text: str) -> list[psutil.Process]:
        """The processes whose command contains the text; the first is the parent of the others."""
        found = [process for process in self.processes() if text in _command(process)]
        return sorted(found, key=lambda process: float(process.create_time()))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """SIGINT goes to the whole group, as a terminal sends it."""
        os.killpg(self.launcher.pid, number) if number == signal.SIGINT else self.launcher.send_signal(number)
        self.launcher.wait(DOWN_SECONDS)


def _command(process: psutil.Process) -> str:
    """Empty for a process that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def running_copy(
    port: int,
    state: Path,
    output: Path,
    environment: dict[str, str],
    *,
    command: Sequence[str],
    folder: Path,
) -> Iterator[Copy]:
    """Started by `command` in `folder`, with nothing configured but `environment`; stopped in the end if it runs."""
    with output.open("w") as log:
        launcher = subprocess.Popen(
            command, cwd=folder, env=unconfigured(**environment), stdout=log, stderr=log, start_new_session=True
        )
    copy = Copy(launcher, port, state, output)
    try:
        yield copy
    finally:
        if launcher.poll() is None:
            copy.stop()

"""The processes of `make run`: started together, stopped together, and their lines in one log.

Whoever kills one to see what happens must see the runs go on. Each process has a keeper (`keep`), which starts it
again; a keeper that died is started again here. So only the end of the supervisor itself is the end of all.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import IO, Final, cast

POLL_SECONDS: Final = 0.25
# A keeper that can't even start must not be started all the time.
PAUSE_SECONDS: Final = 1.0
COLOURS: Final = (36, 33, 32, 35, 34)  # ANSI


class Supervisor:
    """`stop_seconds`: for how long the keepers may take to stop before they are killed."""

    def __init__(self, *, stop_seconds: float) -> None:
        self._stop_seconds = stop_seconds
        self._stopping = threading.Event()
        self._supervised: list[_Supervised] = []

    def add(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        colour = COLOURS[len(self._supervised) % len(COLOURS)]
        self._supervised.append(_Supervised(name, command, environment, colour))

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        try:
            for process in self._supervised:
                process.start()
            while not self._stopping.wait(POLL_SECONDS):
                for process in self._supervised:
                    process.restart_if_dead()
        finally:
            self._end_all()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _end_all(self) -> None:
        for process in self._supervised:
            process.ask_to_end()
        deadline = time.monotonic() + self._stop_seconds
        for process in self._supervised:
            process.wait_for_end(deadline)


class _Supervised:
    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], colour: int) -> None:
        self._name, self._command, self._environment, self._colour = name, command, environment, colour
        self._keeper: subprocess.Popen[str] | None = None
        self._started_at = 0.0
        self._copiers: list[threading.Thread] = []

    def start(self) -> None:
        self._started_at = time.monotonic()
        keeper = self._keeper = subprocess.Popen(
            self._command,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # out of reach of the terminal's Ctrl-C: the keepers are asked in their turn
        )
        # It reads until the last writer has gone: what a dead keeper leaves still says how it ends.
        copier = threading.Thread(target=self._copy, args=(cast("IO[str]", keeper.stdout),), daemon=True)
        copier.start()
        self._copiers = [*(thread for thread in self._copiers if thread.is_alive()), copier]

    def restart_if_dead(self) -> None:
        if (self._keeper and self._keeper.poll() is None) or time.monotonic() < self._started_at + PAUSE_SECONDS:
            return
        self._print("its keeper died, starting both again")
        self.start()

    def ask_to_end(self) -> None:
        if self._keeper:
            self._keeper.terminate()

    def wait_for_end(self, deadline: float) -> None:
        if self._keeper is None:
            return
        try:
            self._keeper.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        for copier in self._copiers:
            copier.join(max(0.1, deadline - time.monotonic()))

    def _copy(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._print(line.rstrip("\n"))

    def _print(self, line: str) -> None:
        prefix = f"{time.strftime('%H:%M:%S')} {self._name:<8} | "
        if sys.stdout.isatty():
            prefix = f"\x1b[{self._colour}m{prefix}\x1b[0m"
        sys.stdout.write(f"{prefix}{line}\n")
        sys.stdout.flush()

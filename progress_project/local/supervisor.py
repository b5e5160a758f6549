"""The processes of `make run`: started together, stopped together, and their lines in one log.

Each process runs under a supervisor of its own (`supervise_process`), which starts it again when it dies; where that
supervisor died, it is started again here. So a process that somebody kills comes back, and only the end of the
launcher is the end of all.
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
# Between two starts of a supervisor: one that can't even start must not be started all the time.
PAUSE_SECONDS: Final = 1.0
COLOURS: Final = (36, 33, 32, 35, 34)  # ANSI


class Supervisor:
    """`stop_seconds`: for how long the supervisors of single processes may take to stop before they are killed."""

    def __init__(self, *, stop_seconds: float) -> None:
        self._stop_seconds = stop_seconds
        self._stopping = threading.Event()
        self._processes: list[SupervisedProcess] = []

    def add_process(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`command` starts the supervisor of this process."""
        colour = COLOURS[len(self._processes) % len(COLOURS)]
        self._processes.append(SupervisedProcess(name, command, environment, colour))

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._request_stop)
        try:
            for process in self._processes:
                process.start()
            while not self._stopping.wait(POLL_SECONDS):
                for process in self._processes:
                    process.restart_if_dead()
        finally:
            self._stop_processes()

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop_processes(self) -> None:
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + self._stop_seconds
        for process in self._processes:
            process.wait_for_end(deadline)


class SupervisedProcess:
    """One line of the Procfile: its supervisor, and the threads that copy its output into the log."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], colour: int) -> None:
        self._name, self._command, self._environment, self._colour = name, command, environment, colour
        self._supervisor: subprocess.Popen[str] | None = None
        self._started_at = 0.0
        self._log_copiers: list[threading.Thread] = []

    def start(self) -> None:
        self._started_at = time.monotonic()
        supervisor = self._supervisor = subprocess.Popen(
            self._command,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # out of reach of the terminal's Ctrl-C: `terminate` stops it
        )
        # The copier reads until the last writer has closed the pipe: the children of a dead supervisor may still log.
        copier = threading.Thread(target=self._copy_lines, args=(cast("IO[str]", supervisor.stdout),), daemon=True)
        copier.start()
        self._log_copiers = [*(thread for thread in self._log_copiers if thread.is_alive()), copier]

    def restart_if_dead(self) -> None:
        is_running = self._supervisor and self._supervisor.poll() is None
        if is_running or time.monotonic() < self._started_at + PAUSE_SECONDS:
            return
        self._print_line("its supervisor died, starting both again")
        self.start()

    def terminate(self) -> None:
        if self._supervisor:
            self._supervisor.terminate()

    def wait_for_end(self, deadline: float) -> None:
        if self._supervisor is None:
            return
        try:
            self._supervisor.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        for copier in self._log_copiers:
            copier.join(max(0.1, deadline - time.monotonic()))

    def _copy_lines(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._print_line(line.rstrip("\n"))

    def _print_line(self, line: str) -> None:
        prefix = f"{time.strftime('%H:%M:%S')} {self._name:<8} | "
        if sys.stdout.isatty():
            prefix = f"\x1b[{self._colour}m{prefix}\x1b[0m"
        sys.stdout.write(f"{prefix}{line}\n")
        sys.stdout.flush()

"""Supervise one process of `make run`: start it, start it again when it dies, end it cleanly.

This supervisor outlives the launcher when that is killed, and then ends its process too: with SIGTERM first, so that
a Celery worker can give back its runs, and with SIGKILL to the whole group where that takes too long. Where this
supervisor is killed itself, the kernel ends its process (on Linux), and the launcher starts both again.

A script of the standard library alone. The command comes by environment and not as arguments: `pkill -f` with the
name of a worker then doesn't hit the worker's supervisor.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

# What the launcher puts into the environment.
COMMAND = "SUPERVISE_COMMAND"
LAUNCHER_PID = "SUPERVISE_LAUNCHER_PID"
REPLACE_STOPPED = "SUPERVISE_REPLACE_STOPPED"

PAUSE_SECONDS = 3
STOPPED_SECONDS = 10  # for how long SIGSTOP, or the terminal, may hold a process that is to be replaced then
GRACE_SECONDS = 10
POLL_SECONDS = 0.25
PR_SET_PDEATHSIG = 1

stopping = threading.Event()


def main() -> None:
    command, launcher_pid = os.environ.pop(COMMAND), int(os.environ.pop(LAUNCHER_PID))
    replace_stopped = bool(os.environ.pop(REPLACE_STOPPED, ""))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, request_stop)
    while not stopping.is_set():
        child = start_child(command)
        wait_for_end(child, launcher_pid, replace_stopped)
        if stopping.is_set():
            terminate(child)
        kill_group(child)  # children of a killed parent would go on without it
        if not stopping.is_set():
            print(f"died ({describe_end(child.returncode)}), starting it again in {PAUSE_SECONDS} s", flush=True)
            stopping.wait(PAUSE_SECONDS)


def request_stop(signum: int, frame: FrameType | None) -> None:
    stopping.set()


def start_child(command: str) -> subprocess.Popen[bytes]:
    # The shell expands ${PORT:-8000} and the like; `exec` replaces it by the command.
    return subprocess.Popen(  # noqa: S602
        f"exec {command}", shell=True, start_new_session=True, preexec_fn=end_with_supervisor
    )


def end_with_supervisor() -> None:
    """In the child: the kernel sends SIGTERM when the supervisor dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for_end(child: subprocess.Popen[bytes], launcher_pid: int, replace_stopped: bool) -> None:
    """Return when the child has ended, or has to be ended."""
    polls_while_stopped = 0
    while child.poll() is None and not stopping.wait(POLL_SECONDS):
        if not is_alive(launcher_pid):
            stopping.set()
        polls_while_stopped = polls_while_stopped + 1 if replace_stopped and is_stopped(child) else 0
        if polls_while_stopped * POLL_SECONDS >= STOPPED_SECONDS:
            print(f"stopped for {STOPPED_SECONDS} s, killing it", flush=True)
            return


def is_stopped(child: subprocess.Popen[bytes]) -> bool:
    """By SIGSTOP or its terminal. Its status is left to be read again (WNOWAIT): it may go on by itself."""
    if not hasattr(os, "waitid"):  # macOS
        return False
    try:
        return os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it has ended meanwhile
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def terminate(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"still busy after {GRACE_SECONDS} s, killing it", flush=True)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is empty; macOS raises the second
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def describe_end(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"exit status {returncode}"


if __name__ == "__main__":
    main()

"""Keep one process of `make run` alive: start it, start it again when it dies, stop it cleanly.

The keeper outlives the launcher when that is killed, and then ends its process too: asked first, for a Celery worker
has work to give back, and killed with its whole group where it doesn't end. A keeper that is killed takes its process
with it where the kernel knows how to, and the launcher starts both again.

A script of the standard library alone: the command comes by environment, so that whoever kills "the
worker" by its name doesn't hit its keeper.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

PAUSE_SECONDS = 3
STOPPED_SECONDS = 10  # a process that keeps time and is held by SIGSTOP, or by its terminal, for so long is replaced
GRACE_SECONDS = 10
POLL_SECONDS = 0.25
PR_SET_PDEATHSIG = 1

stopping = threading.Event()


def main() -> None:
    command, launcher = os.environ.pop("KEEP_COMMAND"), int(os.environ.pop("KEEP_FOR"))
    replace_stopped = bool(os.environ.pop("KEEP_REPLACE_STOPPED", ""))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _stop)
    while not stopping.is_set():
        child = _start(command)
        _watch(child, launcher, replace_stopped)
        if stopping.is_set():
            _ask_to_end(child)
        _kill_group(child)  # a killed parent leaves children that would go on by themselves
        if not stopping.is_set():
            print(f"died ({_how(child.returncode)}), starting it again in {PAUSE_SECONDS} s", flush=True)
            stopping.wait(PAUSE_SECONDS)


def _stop(signum: int, frame: FrameType | None) -> None:
    stopping.set()


def _start(command: str) -> subprocess.Popen[bytes]:
    # The shell fills in ${PORT:-8000} and the like, and is gone by then.
    return subprocess.Popen(  # noqa: S602
        f"exec {command}", shell=True, start_new_session=True, preexec_fn=_end_with_keeper
    )


def _end_with_keeper() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _watch(child: subprocess.Popen[bytes], launcher: int, replace_stopped: bool) -> None:
    """Return when the child has ended, or must."""
    stopped_looks = 0
    while child.poll() is None and not stopping.wait(POLL_SECONDS):
        if not _alive(launcher):
            stopping.set()
        stopped_looks = stopped_looks + 1 if replace_stopped and _is_stopped(child) else 0
        if stopped_looks * POLL_SECONDS >= STOPPED_SECONDS:
            print(f"stopped for {STOPPED_SECONDS} s, killing it", flush=True)
            return


def _is_stopped(child: subprocess.Popen[bytes]) -> bool:
    """Only looked at, not waited for: it may go on by itself."""
    if not hasattr(os, "waitid"):  # macOS
        return False
    try:
        return os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it has ended meanwhile
        return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ask_to_end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"still busy after {GRACE_SECONDS} s, killing it", flush=True)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says it by the second
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _how(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"exit status {returncode}"


if __name__ == "__main__":
    main()

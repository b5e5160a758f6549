"""The copies of `make run` on this machine, so that a command finds the one that runs.

Each copy has a state directory `var/<port>` and locks a file in it while it runs. The kernel releases the lock when the
process ends, so a crash leaves no wrong answer.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from progress_project.local.environment import BASE_DIR, env, port, state_dir

LOCK = "run.lock"


class CopyError(Exception):
    """No copy, or more than one, can be meant; the message says what to do."""


@contextmanager
def exclusive_copy() -> Iterator[None]:
    """Lock the state directory; raises `CopyError` where another launcher has locked it."""
    state_dir().mkdir(parents=True, exist_ok=True)
    with (state_dir() / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CopyError(
                f"This copy is already running, or still stopping, on port {port()}. For another: make run PORT=…"
            ) from None
        yield


def running_ports() -> list[int]:
    """The ports of running copies. A copy with its state elsewhere (UNSTUCK_VAR) isn't found."""
    states = [path for path in (BASE_DIR / "var").glob("*") if path.name.isascii() and path.name.isdigit()]
    return sorted(int(state.name) for state in states if is_locked(state / LOCK))


def is_locked(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it doesn't exist, or we may not read it
        return False
    return False


def choose_running_copy() -> None:
    """Let this process work on the running copy, unless the environment names one.

    Raises `CopyError` where several run.
    """
    if env.str("PORT", default="") or env.str("UNSTUCK_VAR", default=""):
        return
    ports = running_ports()
    if len(ports) > 1:
        choices = " or ".join(f"PORT={number}" for number in ports)
        raise CopyError(f"Several copies run here. Say which one you mean, by {choices} before the command.")
    if ports and ports != [port()]:
        os.environ["PORT"] = str(ports[0])
        print(f"Working on the copy that runs on port {ports[0]}.", file=sys.stderr)


def explain_missing_data() -> str:
    """What the user can do where a command needs an embedded database that doesn't exist."""
    if port() in running_ports():
        return f"The copy on port {port()} works on another database. Set DATABASE_URL as it was set for that copy."
    return f"No copy has ever run in {state_dir()}. Start it with `make run`, or set PORT to that of another."

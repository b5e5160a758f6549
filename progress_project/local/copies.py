"""The copies of `make run` on this machine, so that a command that is typed beside one finds it.

Each copy has a state directory `var/<port>` and holds a lock in it for as long as it runs: the kernel knows who
runs, and no crash can leave a wrong answer behind.
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
    """It isn't clear which copy is meant; the message says how to name it."""


@contextmanager
def only_copy() -> Iterator[None]:
    """Hold the state directory's lock; raises `CopyError` where another launcher holds it."""
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
    """Ports of the copies that run now. One with a state directory elsewhere (UNSTUCK_VAR) isn't found."""
    states = [path for path in (BASE_DIR / "var").glob("*") if path.name.isascii() and path.name.isdigit()]
    return sorted(int(state.name) for state in states if _is_locked(state / LOCK))


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it isn't there, or isn't ours to read
        return False
    return False


def choose_running_copy() -> None:
    """Make the copy that runs the one that this process works on, unless the environment names one.

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


def why_no_data() -> str:
    """What to do where a command needs an embedded database that isn't there."""
    if port() in running_ports():
        return f"The copy on port {port()} works on another database. Set DATABASE_URL as it was set for that copy."
    return f"No copy has ever run in {state_dir()}. Start it with `make run`, or set PORT to that of another."

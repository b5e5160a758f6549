"""Make, start and stop the embedded PostgreSQL. The caller holds the lock of `postgres`."""

import shutil
import time

from progress_project.local.environment import state_dir
from progress_project.local.postgres_programs import (
    EmbeddedError,
    data_dir,
    give_to_system_user,
    let_others_pass,
    programs_dir,
    run_program,
    socket_dir,
    system_user,
)
from progress_project.local.postmaster import find_postmaster, remove_dead_locks, wait_for_end

SUPERUSER = "postgres"
START_SECONDS = 60

# Room for the web's pool, the workers and a test run beside them.
SERVER_OPTIONS = "-c listen_addresses='' -c max_connections=200 -c jit=off"

# The same order and case rules on every machine, whatever locales it has.
INITDB_OPTIONS = (
    *("--auth=trust", "--encoding=utf8", "--username", SUPERUSER),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)


def make_cluster() -> None:
    """Run initdb under another name and rename the result: one that is interrupted leaves no data directory."""
    draft = state_dir() / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    give_to_system_user(draft)
    run_program("initdb", *INITDB_OPTIONS, "-D", str(draft), user=system_user())
    draft.rename(data_dir())


def start_server() -> None:
    remove_dead_locks()
    socket_dir().mkdir(mode=0o700, exist_ok=True)
    give_to_system_user(socket_dir())
    log = str(data_dir() / "server.log")
    run_pg_ctl("start", "-w", "-t", str(START_SECONDS), "-l", log, "-o", f"-k '{socket_dir()}' {SERVER_OPTIONS}")


def stop_server() -> None:
    if server := find_postmaster():  # also where it is too busy to answer
        run_pg_ctl("stop", "-m", "fast")
        wait_for_end(server)  # pg_ctl returns when the pid file is gone, a moment before the process
    if socket_dir() != data_dir() and socket_dir().exists():
        socket_dir().rmdir()


def is_answering() -> bool:
    try:  # as ourselves: a parent folder may have become closed to other users since
        run_program("pg_isready", "-q", "-h", str(socket_dir()), "-t", "3", user=None)
    except EmbeddedError:
        return False
    return True


def wait_for_answer() -> bool:
    """Wait for a server whose process lives, but which is busy or still recovers: a second one could not start."""
    deadline = time.monotonic() + START_SECONDS
    while find_postmaster() and time.monotonic() < deadline:
        if is_answering():
            return True
        time.sleep(0.1)
    return False


def run_pg_ctl(action: str, *options: str) -> None:
    user = system_user()
    if user:  # a parent folder may have become closed to other users since
        let_others_pass(data_dir())
        let_others_pass(programs_dir())
    run_program("pg_ctl", action, "-D", str(data_dir()), *options, user=user)

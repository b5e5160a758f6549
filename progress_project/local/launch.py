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

from progress_project.local import copies, postgres, supervise_process
from progress_project.local.environment import BASE_DIR, demo_imap_port, env, is_demo, port, state_dir
from progress_project.local.supervisor import Supervisor

HOST = "127.0.0.1"
IGNORED_WARNINGS = (  # on one's own machine, or in a container
    "You're running the worker with superuser privileges",
    "StreamingHttpResponse must consume synchronous iterators",  # static files, which nginx serves elsewhere
)
TIMEKEEPERS = ("control", "beat")  # these have no runs to give back: where one is stopped, it is replaced

DATABASE_POLL_SECONDS = 0.5
DATABASE_PAUSE_SECONDS = 2


def main() -> None:
    # Until the supervisor takes over, SIGTERM must unwind like Ctrl-C does: something may have been started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    prepare_environment()
    try:
        with copies.exclusive_copy():
            check_ports()
            with embedded_database():
                for command in preparing_commands():
                    subprocess.run([sys.executable, "manage.py", *command], check=True)
                run_processes()
    except copies.CopyError as error:
        sys.exit(str(error))
    except (postgres.EmbeddedError, subprocess.CalledProcessError) as error:
        sys.exit(f"Can't start: {error}")
    except KeyboardInterrupt:
        pass


def prepare_environment() -> None:
    """What the children read; anything already set stays as it is."""
    os.environ.setdefault("DEBUG", str(postgres.is_needed()))  # a database of one's own means production
    os.environ.setdefault("PORT", str(port()))
    os.environ["UNSTUCK_VAR"] = str(state_dir())
    os.environ["PYTHONUNBUFFERED"] = "1"
    os.environ.setdefault("PYTHONWARNINGS", ",".join(f"ignore:{text}" for text in IGNORED_WARNINGS))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.chdir(BASE_DIR)


def check_ports() -> None:
    check_port_is_free(port(), "PORT")
    if is_demo():
        check_port_is_free(demo_imap_port(), "DEMO_IMAP_PORT")


def check_port_is_free(number: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError as error:
            sys.exit(f"Port {number} can't be used ({error.strerror}). Choose another: make run {variable}=…")


@contextmanager
def embedded_database() -> Iterator[None]:
    """In the block, the embedded PostgreSQL runs, where it is needed."""
    if not postgres.is_needed():
        yield
        return
    try:
        postgres.ensure_running()
        yield
    finally:
        postgres.stop()


def preparing_commands() -> list[tuple[str, ...]]:
    """The commands of `manage.py` that come before the processes."""
    commands: list[tuple[str, ...]] = [("migrate", "--verbosity", "0")]
    if is_demo():
        commands.append(("seed_demo",))
    if not env.bool("DEBUG"):
        commands.append(("check", "--deploy", "--tag", "security"))  # fails where a password of the demo works
        commands.append(("collectstatic", "--no-input", "--verbosity", "0"))
    return commands


def procfile_commands() -> dict[str, str]:
    """The processes to run, by name."""
    commands = dict(re.findall(r"^([\w-]+):\s*(.+)$", (BASE_DIR / "Procfile").read_text(), re.MULTILINE))
    if not is_demo():
        del commands["imap"]
    return commands


def run_processes() -> None:
    # The supervisors of single processes kill first, and whole groups: they get the longer time.
    supervisor = Supervisor(stop_seconds=supervise_process.GRACE_SECONDS + 5)
    for name, command in procfile_commands().items():
        environment = {
            **os.environ,
            supervise_process.COMMAND: command,
            supervise_process.LAUNCHER_PID: str(os.getpid()),
        }
        if name in TIMEKEEPERS:
            environment[supervise_process.REPLACE_STOPPED] = "yes"
        # By path and isolated (-I): the script needs nothing of the project, and starts at once.
        supervisor.add_process(name, [sys.executable, "-I", supervise_process.__file__], environment)
    with supervised_database():
        announcer = subprocess.Popen([sys.executable, "-m", "progress_project.local.announce"])
        try:
            supervisor.run()
        finally:
            announcer.kill()
            announcer.wait()


@contextmanager
def supervised_database() -> Iterator[None]:
    """In the block, the embedded PostgreSQL is started again when it dies."""
    if not postgres.is_needed():
        yield
        return
    stopping = threading.Event()
    supervisor = threading.Thread(target=restart_database_when_dead, args=(stopping,))
    supervisor.start()
    try:
        yield
    finally:
        stopping.set()
        supervisor.join()


def restart_database_when_dead(stopping: threading.Event) -> None:
    while not stopping.wait(DATABASE_POLL_SECONDS):
        if postgres.is_alive():
            continue
        print("PostgreSQL died, starting it again", flush=True)
        try:
            postgres.restart()
        except postgres.EmbeddedError as error:
            print(error, flush=True)
            stopping.wait(DATABASE_PAUSE_SECONDS)


if __name__ == "__main__":
    main()

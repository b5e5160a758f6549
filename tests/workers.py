"""Real Celery workers with a real broker between them and the test, and a wait for conditions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from celery import Celery
from django.conf import settings
from django.db import connection

from progress_project.local import broker, postgres
from runs.lifecycle import dispatch


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition isn't true after {seconds} s"
        time.sleep(0.05)


@contextmanager
def broker_of_files(state: Path) -> Iterator[Path]:
    """A broker between this process and the workers that the test starts; the folder of its messages."""
    folder = state / "broker"
    with patch.object(dispatch, "current_app", celery_on(folder)):
        yield folder


def celery_on(folder: Path) -> Celery:
    """An application that sends by the broker of files there."""
    app = Celery(broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = broker.transport_options(folder)
    return app


@contextmanager
def worker(
    state: Path,
    queue: str = "receipts",
    *,
    slots: int = 1,
    pool: str = "prefork",
    name: str = "celery",
    under: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process group of its own, as deployed, on the database of the test.

    Workers that run side by side need names of their own.
    """
    options = f"-n {name}@%h -Q {queue} --pool {pool} -c {slots} --without-gossip --without-mingle"
    with _celery(f"worker {options}", state, under=under, environment=environment) as process:
        yield process


@contextmanager
def beat(state: Path, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with _celery("beat --pidfile=", state, environment=environment) as process:
        yield process


@contextmanager
def _celery(
    command: str, state: Path, *, under: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`under` is a program that runs it, such as `faketime`; the environment comes on top of the test's."""
    process = subprocess.Popen(
        [*under, sys.executable, "-m", "celery", "-A", "progress_project", *command.split()],
        env={**workers_environment(state), **(environment or {})},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def workers_environment(state: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
        # Set, or the worker would use an embedded one in the state directory below.
        "DATABASE_URL": os.environ.get("DATABASE_URL") or postgres.database_url(),
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "DEBUG": "true",
        "UNSTUCK_VAR": str(state),
        # Or it could not read the mailbox's secret.
        "SECRET_KEY": settings.SECRET_KEY,
        "SALT_KEY": ",".join(settings.SALT_KEY),
    }


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the parent and its children, as when a machine loses power."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(10)

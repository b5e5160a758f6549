"""A real worker on the benchmark's database, and a broker of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from unittest.mock import patch

from celery import Celery
from django.db import connection

from runs.lifecycle import dispatch

from . import celery_app

START_SECONDS = 60


@contextmanager
def worker(broker: str, queues: str, slots: int) -> Iterator[str]:
    """Started as by the Procfile, on the database of the benchmark; the worker's name."""
    name = f"{queues.partition(',')[0]}@benchmark"
    options = f"-n {name} -Q {queues} -c {slots} -O fair --without-gossip --without-mingle --loglevel info"
    command = [sys.executable, "-m", "celery", "--quiet", "-A", celery_app.__name__, "worker", *options.split()]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BENCHMARK_BROKER": broker,
        "BENCHMARK_DATABASE": str(connection.settings_dict["NAME"]),
    }
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield name
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def client(broker: str) -> Celery:
    """An app that sends messages to these workers."""
    app = Celery(set_as_current=False)
    # `CELERY_BROKER_URL` in the environment, which names this process's own, would win over `broker_url`.
    app.conf.update(broker_read_url=broker, broker_write_url=broker)
    return app


@contextmanager
def sending_to(broker: str) -> Iterator[None]:
    """Let starts of this process wake these workers."""
    with patch.object(dispatch, "current_app", client(broker)):
        yield


def wait_until(condition: Callable[[], object], seconds: float, pause: float = 0.02) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not true after {seconds:g} s: {condition}")
        time.sleep(pause)

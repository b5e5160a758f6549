"""Brokers that a storm starts for itself: Redis and RabbitMQ, where they are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STARTED: Final = ("redis", "rabbitmq")
START_SECONDS: Final = 60
STOP_SECONDS: Final = 30


class BrokerUnavailable(Exception):
    """The broker isn't installed here, or didn't start."""


@contextmanager
def running_broker(name: str, folder: Path) -> Iterator[str]:
    """The Celery URL of a broker by name, while the block lasts; any other name is taken as a URL.

    Empty for `files`, the broker of files, which needs no process. Raises `BrokerUnavailable`.
    """
    if name not in STARTED:
        yield "" if name == "files" else name
        return
    folder.mkdir(parents=True)
    port = _free_port()
    command, environment = _redis(port, folder) if name == "redis" else _rabbitmq(port, folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _await_port(process, port, folder / "log")
            yield f"redis://127.0.0.1:{port}/0" if name == "redis" else f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _redis(port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    return [_installed("redis-server"), "--port", str(port), "--save", "", "--dir", str(folder)], {}


def _rabbitmq(port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    # Debian's script in the path requires its own user; the program that it calls doesn't.
    own = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    command = str(own) if own.exists() else _installed("rabbitmq-server")
    return [command], {
        "HOME": str(folder),  # of Erlang's cookie
        "RABBITMQ_NODENAME": f"storm{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }


def _installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise BrokerUnavailable(f"{program} is not installed")
    return path


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BrokerUnavailable(f"{process.args!r} didn't start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

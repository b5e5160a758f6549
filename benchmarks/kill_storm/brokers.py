"""Brokers that a storm starts for itself: Redis and RabbitMQ, where they are installed."""

from __future__ import annotations

import os
import shutil
import signal
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


class Broker:
    """`url` is a Celery URL; empty for `files`, the broker of files, which needs no process."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def can_restart(self) -> bool:
        return False

    def restart(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        pass


class OwnBroker(Broker):
    """A process of the storm's own. Restarting it kills it first: Redis forgets all messages, RabbitMQ keeps them."""

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._port, self._log = _free_port(), folder / "log"
        command, environment = _redis(self._port, folder) if name == "redis" else _rabbitmq(self._port, folder)
        self._command, self._environment = command, {**os.environ, **environment}
        super().__init__(
            f"redis://127.0.0.1:{self._port}/0" if name == "redis" else f"amqp://guest:guest@127.0.0.1:{self._port}//"
        )
        self._start()

    @property
    def can_restart(self) -> bool:
        return True

    def restart(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            _await_port(self._process, self._port, self._log)
        except BrokerUnavailable:
            self.stop()
            raise


@contextmanager
def running_broker(name: str, folder: Path) -> Iterator[Broker]:
    """A broker by name, while the block lasts; any other name is taken as a URL. Raises `BrokerUnavailable`."""
    broker = OwnBroker(name, folder) if name in STARTED else Broker("" if name == "files" else name)
    try:
        yield broker
    finally:
        broker.stop()


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

"""What is measured beside the project: packages of `requirements.txt` and a Redis of our own."""

from __future__ import annotations

import importlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .harness import Unavailable

START_SECONDS = 30


def package(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed: pip install -r benchmarks/requirements.txt") from error


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis without persistence, on a free port, for as long as the block lasts."""
    if shutil.which("redis-server") is None:
        raise Unavailable("redis-server is not installed")
    port = _free_port()
    with tempfile.TemporaryDirectory() as directory:
        options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", directory)
        with subprocess.Popen(("redis-server", *options), stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(port, server)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Unavailable("redis-server does not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

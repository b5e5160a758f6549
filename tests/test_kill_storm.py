"""A short storm of deaths with a fixed seed, on each broker: see `benchmarks/kill_storm`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

STORM = [sys.executable, "-m", "benchmarks", "kill_storm", "--runs", "6", "--kills", "8", "--seed", "1"]
STORM_SECONDS = 280
BROKER_SECONDS = 60


def outlive(*more: str) -> None:
    storm = subprocess.run(
        [*STORM, *more], cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=STORM_SECONDS, check=False
    )
    assert storm.returncode == 0, storm.stdout + storm.stderr
    assert storm.stdout.rstrip().endswith("Nothing was violated.")


def test_a_storm_on_files() -> None:
    outlive()


def test_runs_go_on_after_five_seconds_without_a_database() -> None:
    outage = [*STORM[:4], "--runs", "4", "--kills", "1", "--only", "database", "--away", "5", "--json"]
    storm = subprocess.run(outage, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False)
    assert storm.returncode == 0, storm.stdout + storm.stderr
    figures = {row["figure"]: row["value"] for row in json.loads(storm.stdout)["rows"]}
    assert figures["violations"] == figures["runs retried by a person"] == 0


def test_a_storm_over_a_broadcast_sends_to_nobody_twice() -> None:
    outlive("--type", "broadcast", "--recipients", "300")


@pytest.mark.needs("redis-server")
def test_a_storm_on_redis(tmp_path: Path) -> None:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    with server(command, {}, lambda: listens(port)):
        outlive("--broker", f"redis://127.0.0.1:{port}/0")


@pytest.mark.needs("rabbitmq-server")
def test_a_storm_on_rabbitmq(tmp_path: Path) -> None:
    port, distribution = free_port(), free_port()
    own = {
        "HOME": str(tmp_path),  # of Erlang's cookie
        "RABBITMQ_NODENAME": f"storm{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(tmp_path / "data"),
        "RABBITMQ_LOG_BASE": str(tmp_path / "log"),
        "RABBITMQ_PID_FILE": str(tmp_path / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(tmp_path / "plugins"),
    }
    with server([rabbitmq()], own, lambda: listens(port)):
        outlive("--broker", f"amqp://guest:guest@127.0.0.1:{port}//")


def rabbitmq() -> str:
    """Debian's script in the path insists on a user of its own; the one that it calls doesn't."""
    own = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(own) if own.exists() else "rabbitmq-server"


@contextmanager
def server(command: list[str], own: dict[str, str], ready: Callable[[], bool]) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        deadline = time.monotonic() + BROKER_SECONDS
        while not ready():
            assert process.poll() is None, process.stdout and process.stdout.read().decode()
            assert time.monotonic() < deadline, f"{command[0]} didn't come up"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

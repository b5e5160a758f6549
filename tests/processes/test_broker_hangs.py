"""A broker that accepts connections and never answers delays no start, no retry and no sweep."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from celery import Celery
from pytest_django import Settings
from rest_framework.test import APIClient

from progress_project.settings import RUNS_BROKER_SECONDS
from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import broker_calls, dispatch
from runs.lifecycle.sweep import sweep
from runs.models import Business, Sweep
from tests.actors import read_run
from tests.cast import SEND_TASK, MakeRun
from tests.servers import free_port
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST_SECONDS = 60.0  # hanging calls would never end
SYNC = "/api/receipts/sync/"


@contextmanager
def celery_on(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """Publish to this broker for real, without the timeouts of the settings."""
    monkeypatch.setattr(Celery, "send_task", SEND_TASK)
    app = Celery(broker=url, set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 1}  # or the threads that are left behind would never end
    monkeypatch.setattr(broker_calls, "hanging_calls", [])
    with patch.object(dispatch, "current_app", app):
        yield app


@pytest.fixture(params=["redis", "amqp"])
def _silent_broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with celery_on(f"{request.param}://127.0.0.1:{port}//", monkeypatch):
            yield


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[float | None]:
    """For how long each call of the broker is waited for."""
    settings.RUNS_BROKER_SECONDS = RUNS_BROKER_SECONDS
    waits: list[float | None] = []

    class NotedThread(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            waits.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(broker_calls, "Thread", NotedThread)
    return waits


@contextmanager
def answered() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LONGEST_SECONDS


def test_a_call_of_the_broker_is_waited_for_a_second() -> None:
    assert RUNS_BROKER_SECONDS == 1


@pytest.mark.usefixtures("_silent_broker")
def test_the_first_start_answers_in_time_and_the_next_at_once(
    as_member_a: APIClient, business_a: Business, mailbox_a: Mailbox, waits: list[float | None]
) -> None:
    with answered():
        started = as_member_a.post(SYNC, {"business": business_a.pk, "mode": "full"})
    assert started.status_code == 202
    as_member_a.post(f"/api/runs/receipt_sync/{started.json()['id']}/cancel/")
    with answered():
        assert as_member_a.post(SYNC, {"business": business_a.pk, "mode": "full"}).status_code == 202
    assert waits == [RUNS_BROKER_SECONDS], "it doesn't try again"
    assert ReceiptSyncRun.objects.filter(status="queued").count() == 1


@pytest.mark.usefixtures("_silent_broker")
def test_a_sweep_with_hung_tasks_and_forgotten_runs_ends(
    business_a: Business, business_b: Business, make_run: MakeRun, waits: list[float | None]
) -> None:
    hung = make_run(business_a, "running", silent_for=400)
    broker_calls.hanging_calls.clear()  # that of its start
    waits.clear()
    with answered():
        assert sweep()
    assert waits == [RUNS_BROKER_SECONDS]
    assert read_run(hung).error_code == "stale"
    assert Sweep.objects.get().finished_at


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        os.kill(process.pid, signal.SIGCONT)  # lets the threads that wait for it end
        until(lambda: not any(thread.is_alive() for thread in broker_calls.hanging_calls))
        process.terminate()
        process.wait(60)


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.needs("redis-server")
def test_a_redis_that_is_stopped_under_open_connections_delays_neither_start_nor_retry(
    as_member_a: APIClient,
    business_a: Business,
    mailbox_a: Mailbox,
    make_run: MakeRun,
    redis: tuple[str, subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float | None],
) -> None:
    url, process = redis
    run = make_run(business_a, "running", silent_for=400)
    with celery_on(url, monkeypatch) as app:
        app.control.revoke("nobody's")  # opens the connection that the next one finds
        os.kill(process.pid, signal.SIGSTOP)
        waits.clear()
        with answered():
            assert read_run(run).error_code == "stale"
            assert as_member_a.post(f"/api/runs/counting/{run.pk}/retry/").status_code == 200
            as_member_a.post(f"/api/runs/counting/{run.pk}/cancel/")
            assert as_member_a.post(SYNC, {"business": business_a.pk, "mode": "full"}).status_code == 202
        assert waits == [RUNS_BROKER_SECONDS]

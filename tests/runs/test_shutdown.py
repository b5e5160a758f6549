"""The signal to stop comes in the middle of whatever the worker's main thread does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from runs.lifecycle import shutdown
from runs.lifecycle.worker_process import this_worker
from tests.workers import until


@pytest.fixture
def _going_on() -> Iterator[None]:
    yield
    this_worker.set_stopping(False)


@pytest.mark.usefixtures("_going_on")
def test_the_signals_handler_sends_no_query_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main thread may hold the lock of its connection, and would wait for itself."""
    threads: list[threading.Thread] = []
    monkeypatch.setattr(shutdown, "interrupt_runs", lambda: threads.append(threading.current_thread()))
    shutdown.interrupt_before_shutdown(sender="worker@test", how="Warm")
    assert this_worker.is_stopping()
    until(lambda: bool(threads))
    assert threads[0] is not threading.current_thread()

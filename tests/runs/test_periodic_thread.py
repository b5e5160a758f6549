"""A thread of a worker's main process outlives whatever fails, and an outage is one line in the log."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from runs.lifecycle.periodic_thread import PeriodicThread

pytestmark = pytest.mark.django_db(transaction=True)


class Calls(PeriodicThread):
    """Makes one call a step, and tells when all are made, and which connection each used."""

    def __init__(self, *calls: Callable[[], object]) -> None:
        super().__init__("test thread")
        self.calls = iter(calls)
        self.done = threading.Event()
        self.backends: list[int] = []

    def pause_seconds(self) -> float:
        return 0.01

    def step(self) -> object:
        for call in self.calls:
            return call()
        self.done.set()
        return None

    def use_connection(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backends.append(cursor.fetchone()[0])


def away() -> None:
    raise OperationalError("away")


def broken() -> None:
    raise RuntimeError("broken")


def test_an_outage_is_logged_once_and_every_other_error_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    thread = Calls(away, away, away, lambda: None, away, broken)
    thread.start()
    assert thread.done.wait(60)
    thread.stop()
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [
        ("WARNING", False),
        ("WARNING", False),
        ("ERROR", True),
    ]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_connection_is_closed_after_each_step_unless_the_next_follows_at_once(
    keeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calls, "keeps_connection", keeps)
    thread = Calls()
    thread.calls = iter([thread.use_connection, thread.use_connection])
    thread.start()
    assert thread.done.wait(60)
    thread.stop()
    first, second = thread.backends
    assert (first == second) is keeps

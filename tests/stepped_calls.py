"""Calls in several database sessions, one statement at a time: the test decides which session executes its next one.

Each call has a thread and a connection of its own, and stops before each statement. Inside a transaction it doesn't
stop, since the locks that it has taken would block the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from psycopg.pq import TransactionStatus

from runs.database import fetch_pipelined
from runs.lifecycle import claim
from runs.models import queue_snapshot
from runs.progress import flush

current = threading.local()


class Killed(BaseException):
    """Raised in a call at its next statement: no handler of the product catches it, as after the death of a process."""


class SteppedCall:
    """A call that stops before each of its statements until `step` lets it execute that one."""

    def __init__(self, threads: ThreadPoolExecutor, call: Callable[[], Any]) -> None:
        self.done = False
        self.result: Any = None
        self._error: BaseException | None = None
        self._killed = False
        self._may_step, self._has_stopped = threading.Semaphore(0), threading.Semaphore(0)
        threads.submit(self._run, call)
        self._has_stopped.acquire()  # it has stopped before its first statement

    def step(self) -> None:
        """Execute the next statement, and stop before the one after it or at the end."""
        self._may_step.release()
        self._has_stopped.acquire()
        if self._error:
            raise self._error

    def kill(self) -> None:
        self._killed = True
        while not self.done:
            self.step()

    def _run(self, call: Callable[[], Any]) -> None:
        current.call = self
        try:
            with connection.execute_wrapper(_wait_before_statement):
                self.result = call()
        except Killed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            current.call = None
            self.done = True
            self._has_stopped.release()

    def wait_for_turn(self) -> None:
        if connection.connection and connection.connection.info.transaction_status != TransactionStatus.IDLE:
            return
        self._has_stopped.release()
        self._may_step.acquire()
        if self._killed:
            raise Killed


def _wait_before_statement(execute: Any, *statement: Any) -> Any:
    current.call.wait_for_turn()
    return execute(*statement)


def _wait_before_flush(statement: str, parameters: dict[str, Any]) -> flush.Row:
    if call := getattr(current, "call", None):
        call.wait_for_turn()
    return _execute_prepared(statement, parameters)


_execute_prepared = flush.execute_prepared


def _wait_before_pipeline(statements: Any) -> Any:
    if call := getattr(current, "call", None):
        call.wait_for_turn()
    return fetch_pipelined(statements)


@contextmanager
def stepped_threads(monkeypatch: Any) -> Iterator[ThreadPoolExecutor]:
    """Threads for stepped calls. Their connections are closed in the end."""
    opened: list[Any] = []

    def register() -> None:
        opened.append(connections["default"])
        connection.inc_thread_sharing()

    monkeypatch.setattr(flush, "execute_prepared", _wait_before_flush)
    for module in (claim, flush, queue_snapshot):
        monkeypatch.setattr(module, "fetch_pipelined", _wait_before_pipeline)
    with ThreadPoolExecutor(24, initializer=register) as threads:
        yield threads
    for each in opened:
        each.close()

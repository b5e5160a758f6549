"""Deeds of several sessions, taken in turns: nothing happens between two statements that the test didn't choose.

Each deed is a thread with a connection of its own, and only the one whose turn it is moves: from one
statement to the next. Inside a transaction there is no turn to lose, for its locks would stop the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from psycopg.pq import TransactionStatus

from runs.lifecycle import claim
from runs.models import queue_snapshot
from runs.progress import flush

_here = threading.local()


class Killed(BaseException):
    """What a deed meets at its next statement when its process has been killed."""


class Deed:
    """A call that stops before each of its statements until it is told to go on."""

    def __init__(self, threads: ThreadPoolExecutor, call: Callable[[], Any]) -> None:
        self.done = False
        self.result: Any = None
        self._error: BaseException | None = None
        self._killed = False
        self._my_turn, self._your_turn = threading.Semaphore(0), threading.Semaphore(0)
        threads.submit(self._live, call)
        self._your_turn.acquire()  # it stands before its first statement

    def step(self) -> None:
        """Execute the statement that it stands before, and go on to the next or to the end."""
        self._my_turn.release()
        self._your_turn.acquire()
        if self._error:
            raise self._error

    def kill(self) -> None:
        self._killed = True
        while not self.done:
            self.step()

    def _live(self, call: Callable[[], Any]) -> None:
        _here.deed = self
        try:
            with connection.execute_wrapper(_wait_before_statement):
                self.result = call()
        except Killed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            _here.deed = None
            self.done = True
            self._your_turn.release()

    def wait_for_turn(self) -> None:
        if connection.connection and connection.connection.info.transaction_status != TransactionStatus.IDLE:
            return
        self._your_turn.release()
        self._my_turn.acquire()
        if self._killed:
            raise Killed


def _wait_before_statement(execute: Any, *statement: Any) -> Any:
    _here.deed.wait_for_turn()
    return execute(*statement)


def _wait_before_flush(statement: str, parameters: dict[str, Any]) -> flush.Row:
    if deed := getattr(_here, "deed", None):
        deed.wait_for_turn()
    return _flushed(statement, parameters)


_flushed = flush.execute_prepared


def _wait_before_pipeline(statements: Any) -> Any:
    if deed := getattr(_here, "deed", None):
        deed.wait_for_turn()
    return _pipelined(statements)


_pipelined = claim.fetch_pipelined


@contextmanager
def stage(monkeypatch: Any) -> Iterator[ThreadPoolExecutor]:
    """Threads for deeds, whose connections are closed in the end."""
    opened: list[Any] = []

    def register() -> None:
        opened.append(connections["default"])
        connection.inc_thread_sharing()

    monkeypatch.setattr(flush, "execute_prepared", _wait_before_flush)
    for module in (claim, queue_snapshot):
        monkeypatch.setattr(module, "fetch_pipelined", _wait_before_pipeline)
    with ThreadPoolExecutor(24, initializer=register) as threads:
        yield threads
    for each in opened:
        each.close()

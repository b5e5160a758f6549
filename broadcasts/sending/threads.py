"""The threads in which requests run, so that several messages are in flight at once."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from ..messages import Message
from ..models import Recipient
from ..providers import Accepted, Provider

FIRST_THREADS: Final = 2
NOT_ACCEPTED: Final = Accepted("", "")
BUSY_RATE: Final = 300  # messages a second at which a process is busy
SLOW_SECONDS: Final = 0.03  # without any answer: then more threads are started


@dataclass(slots=True, eq=False)
class Send:
    """One message in flight, and what came of it."""

    recipient: Recipient
    message: Message
    left_at: float = 0.0  # by the monotonic clock
    seconds: float = 0.0  # until there was an answer, or an error
    accepted: Accepted = NOT_ACCEPTED
    error: Exception | None = None

    def carry_out(self, provider: Provider) -> None:
        self.left_at = time.monotonic()
        try:
            self.accepted = provider.send(self.message)
        except Exception as error:
            self.error = error
        self.seconds = time.monotonic() - self.left_at


class SendThreads:
    """Carries out sends, each once, and returns them in the order of their answers.

    Starts more threads only while more messages than threads are in flight and answers are so slow that this process
    isn't busy. More threads than that would only wait for the interpreter's lock.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._waiting: SimpleQueue[Send | None] = SimpleQueue()
        self._done: SimpleQueue[Send] = SimpleQueue()
        self._threads: list[Thread] = []
        self.in_flight = 0  # submitted, and not returned by `take_done` yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, sends: list[Send], answer_seconds: float | None) -> None:
        """`answer_seconds`: how long an answer takes; None until the first one."""
        in_flight = self.in_flight + len(sends)
        self._start_threads(min(in_flight, FIRST_THREADS))
        if answer_seconds is not None and len(self._threads) < min(in_flight, BUSY_RATE * answer_seconds):
            self._start_threads(len(self._threads) + 1)
        for send in sends:
            self._waiting.put(send)
            self.in_flight += 1

    def _start_threads(self, count: int) -> None:
        """Start threads until there are `count`."""
        while len(self._threads) < count:
            thread = Thread(target=self._work, name="send", daemon=True)
            thread.start()
            self._threads.append(thread)

    def carry_out_here(self, send: Send) -> None:
        """Carry it out in the caller's thread: for a window of one, and a provider that no other thread may call."""
        self._carry_out(send)
        self.in_flight += 1

    def take_done(self, seconds: float = inf) -> Send:
        """The next send that has an outcome. Raises `Empty` when there is none within so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > SLOW_SECONDS and self._waiting.qsize():
            with suppress(Empty):
                return self._count_back(self._done.get(timeout=SLOW_SECONDS))
            self._start_threads(min(2 * len(self._threads), self.in_flight))  # every thread waits for an answer
        return self._count_back(self._done.get(timeout=None if left == inf else max(0.0, left)))

    def _count_back(self, send: Send) -> Send:
        self.in_flight -= 1
        return send

    def has_done(self) -> bool:
        return not self._done.empty()

    def _work(self) -> None:
        while send := self._waiting.get():
            self._carry_out(send)

    def _carry_out(self, send: Send) -> None:
        send.carry_out(self._provider)
        self._done.put(send)

"""The threads that a broadcast's messages leave by, side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from .messages import Message
from .models import Recipient
from .providers import Provider


@dataclass(slots=True, eq=False)
class Send:
    """One message in flight, and what came of it."""

    recipient: Recipient
    message: Message
    left_at: float = 0.0  # by the monotonic clock
    seconds: float = 0.0  # until there was an answer, or an error
    message_id: str = ""
    error: Exception | None = None

    def carry_out(self, provider: Provider) -> None:
        self.left_at = time.monotonic()
        try:
            self.message_id = provider.send(self.message)
        except Exception as error:
            self.error = error
        self.seconds = time.monotonic() - self.left_at


class SendThreads:
    """Carries out sends, each once, and gives them back in the order of their answers.

    A provider that may be called by one thread only is called by the caller's.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._waiting: SimpleQueue[Send | None] = SimpleQueue()
        self._done: SimpleQueue[Send] = SimpleQueue()
        self._threads: list[Thread] = []
        self.in_flight = 0  # submitted, and not taken back yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, sends: list[Send], threads: int) -> None:
        """Side by side by so many threads, or more where there were more before; with one, by the caller's."""
        if threads == 1 and not self._threads:
            for send in sends:
                self._carry_out(send)
                self.in_flight += 1
            return
        while len(self._threads) < threads:
            thread = Thread(target=self._work, name="send", daemon=True)
            thread.start()
            self._threads.append(thread)
        for send in sends:
            self._waiting.put(send)
            self.in_flight += 1

    def take_done(self, timeout: float | None = None) -> Send:
        """The next one that has an outcome. Raises `Empty` when there is none within `timeout` seconds."""
        send = self._done.get(timeout=timeout)
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

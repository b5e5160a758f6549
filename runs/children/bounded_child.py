"""Parse untrusted input in a child process under limits of memory, processor and clock.

A parser of mails, PDFs or audio is large: it may hang, take all memory or crash. In a child it can only fail the
item it was called for. Not multiprocessing: Celery's workers are daemonic processes, which may not have children of
that kind.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Self, cast

from ..exceptions import ChildDied, ChildKilled, ChildTimedOut, ItemFailed
from .frames import HEADER_BYTES, LAST, encode_frame

PROJECT = Path(__file__).resolve().parents[2]
BEAT_SECONDS = 0.5
CHUNK_BYTES = 64 * 1024
# Requests that may be sent ahead of their calls: no more than a pipe of Linux takes, so that sending never blocks.
AHEAD_BYTES = 60 * 1024
ENDED_BY: Final[dict[int, type[ItemFailed]]] = {
    signal.SIGPROF: ChildTimedOut,
    signal.SIGALRM: ChildTimedOut,
    signal.SIGKILL: ChildKilled,
}


class BoundedChild:
    """Answers requests, one at a time, in a child that is started at the first one.

    `module` is run as `python -m MODULE` and calls `runs.children.child_loop.serve`. `cpu_seconds` of processor time
    and `wall_seconds` on the clock bound one request, `memory_bytes` bounds the child. While the child works `beat` is
    called twice a second: pass `progress.beat`, which also enforces the deadline of `progress.item(key, seconds=…)`.
    Use it as a context manager: its end is the child's end.
    """

    def __init__(
        self,
        module: str,
        *arguments: object,
        cpu_seconds: float,
        wall_seconds: float,
        memory_bytes: int,
        beat: Callable[[], object] = lambda: None,
    ) -> None:
        limits = (cpu_seconds, wall_seconds, memory_bytes)
        self._command = [sys.executable, "-m", module, *map(str, (*limits, *arguments))]
        self._wall_seconds = wall_seconds
        self._beat = beat
        self._child: subprocess.Popen[bytes] | None = None
        # Requests that were sent before their `call`; the part of the last one that the pipe didn't take yet; and what
        # was read of answers whose `call` hasn't come yet.
        self._begun: deque[bytes] = deque()
        self._unsent = memoryview(b"")
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Let the child import what it needs before the first request."""
        self._running_child()

    def call(self, request: bytes) -> bytes:
        """The child's answer. Raises `ChildTimedOut`, `ChildDied`, and what `beat` raises.

        None of the limits ends a child by SIGKILL. A person, a deploy or the kernel (another process took the memory)
        did. So the request is sent to another child once before it is blamed.
        """
        try:
            return self._call_once(request)
        except ChildKilled:
            return self._call_once(request)

    @property
    def begun(self) -> int:
        """How many requests were begun whose `call` hasn't come yet."""
        return len(self._begun)

    def begin(self, request: bytes) -> bool:
        """Send a request ahead of its `call`, after those that were begun already; was it sent?

        Never raises and never blocks: its own `call` returns the answer, or raises. Nothing is begun while no child
        runs, nor above AHEAD_BYTES. A `call` with another request discards everything that was begun.
        """
        waiting = sum(map(len, self._begun)) + len(request)
        if self._unsent or waiting > AHEAD_BYTES or self._child is None or self._child.poll() is not None:
            return False
        self._unsent = _write_some(cast("IO[bytes]", self._child.stdin), memoryview(encode_frame(request)))
        self._begun.append(request)
        return True

    def discard(self) -> None:
        """Discard the requests that were begun."""
        if self._begun:
            self.close()

    def _call_once(self, request: bytes) -> bytes:
        child = self._child_working_on(request)
        try:
            answer = self._send_and_receive(child)
        except BaseException:
            self.close()  # or the child would go on working on a request that nobody waits for
            raise
        if answer is None:
            self.close()
            raise ENDED_BY.get(-child.returncode, ChildDied)
        if answer[:1] == LAST:
            self.close()
        return answer[1:]

    def close(self) -> None:
        """End the child, if there is one. The next request starts another."""
        self._begun.clear()
        self._unsent, self._received = memoryview(b""), bytearray()
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        with suppress(BrokenPipeError), child:
            pass

    def _child_working_on(self, request: bytes) -> subprocess.Popen[bytes]:
        """The child that has this request. One that began it may have answered and left, or died of it."""
        if self._begun and self._begun[0] != request:
            self.close()
        if self._begun and self._child:
            self._begun.popleft()
            return self._child
        child = self._running_child()
        self._unsent = memoryview(encode_frame(request))
        return child

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
            # Or a child that hangs would hang its parent.
            os.set_blocking(cast("IO[bytes]", self._child.stdin).fileno(), False)
        return self._child

    def _send_and_receive(self, child: subprocess.Popen[bytes]) -> bytes | None:
        """Send the rest of the request and read the next answer; None when the child died of it."""
        requests, answers = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        deadline = time.monotonic() + self._wall_seconds
        with selectors.PollSelector() as pipes:  # for two pipes it takes one system call where epoll takes six
            if self._unsent:
                pipes.register(requests, selectors.EVENT_WRITE)
            pipes.register(answers, selectors.EVENT_READ)
            while (end := _end_of_frame(self._received)) is None:
                if time.monotonic() >= deadline:
                    raise ChildTimedOut
                ready = [key.fileobj for key, _events in pipes.select(BEAT_SECONDS)]
                self._beat()
                if requests in ready:
                    self._unsent = _write_some(requests, self._unsent)
                    if not self._unsent:
                        pipes.unregister(requests)
                if answers in ready:
                    chunk = answers.read(CHUNK_BYTES)
                    if not chunk:
                        return None
                    self._received += chunk
        answer = bytes(self._received[HEADER_BYTES:end])
        del self._received[:end]
        return answer


def _end_of_frame(received: bytearray) -> int | None:
    """Where the first frame ends, once it is whole."""
    end = HEADER_BYTES + int.from_bytes(received[:HEADER_BYTES], "big")
    return end if len(received) >= max(end, HEADER_BYTES) else None


def _write_some(pipe: IO[bytes], unsent: memoryview) -> memoryview:
    """Write what the pipe takes now. A child that is gone is noticed by the end of its answers."""
    try:
        return unsent[pipe.write(unsent) or 0 :]
    except BrokenPipeError:
        return unsent[len(unsent) :]

"""Work on what strangers send, in a child process under limits of memory, processor and clock.

A parser of mails, PDFs or audio is large: it may hang, eat all memory or crash. In a child it can only fail the
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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Self, cast

from .child_frames import HEADER_BYTES, LAST, frame
from .exceptions import ChildDied, ChildKilled, ChildTimedOut, ItemFailed

PROJECT = Path(__file__).resolve().parent.parent
BEAT_SECONDS = 0.5
CHUNK_BYTES = 64 * 1024
ENDED_BY: Final[dict[int, type[ItemFailed]]] = {
    signal.SIGPROF: ChildTimedOut,
    signal.SIGALRM: ChildTimedOut,
    signal.SIGKILL: ChildKilled,
}


class BoundedChild:
    """Answers requests, one at a time, in a child that is started at the first one.

    `module` is run as `python -m MODULE` and calls `runs.child_server.serve`. `cpu_seconds` of processor time and
    `wall_seconds` on the clock bound one request, `memory_bytes` bounds the child. While the child works `beat` is
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def call(self, request: bytes) -> bytes:
        """The child's answer. Raises `ChildTimedOut`, `ChildDied`, and what `beat` raises.

        None of the limits ends a child by SIGKILL. Somebody else did, or the kernel for want of memory: a person, a
        deploy, a neighbour that is too large. So another child is asked once more before the request is to blame.
        """
        try:
            return self._call_once(request)
        except ChildKilled:
            return self._call_once(request)

    def _call_once(self, request: bytes) -> bytes:
        child = self._running_child()
        try:
            answer = self._exchange(child, request)
        except BaseException:
            self.close()  # or it would go on working on what nobody waits for
            raise
        if answer is None:
            self.close()
            raise ENDED_BY.get(-child.returncode, ChildDied)
        if answer[:1] == LAST:
            self.close()
        return answer[1:]

    def close(self) -> None:
        """End the child, if there is one. The next request starts another."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        with suppress(BrokenPipeError), child:
            pass

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

    def _exchange(self, child: subprocess.Popen[bytes], request: bytes) -> bytes | None:
        """Send the request and read the answer; None when the child died over it."""
        requests, answers = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        deadline = time.monotonic() + self._wall_seconds
        unsent, received = memoryview(frame(request)), bytearray()
        with selectors.DefaultSelector() as pipes:
            pipes.register(requests, selectors.EVENT_WRITE)
            pipes.register(answers, selectors.EVENT_READ)
            while not _is_whole(received):
                if time.monotonic() >= deadline:
                    raise ChildTimedOut
                ready = [key.fileobj for key, _events in pipes.select(BEAT_SECONDS)]
                self._beat()
                if requests in ready:
                    unsent = _send(requests, unsent)
                    if not unsent:
                        pipes.unregister(requests)
                if answers in ready:
                    chunk = answers.read(CHUNK_BYTES)
                    if not chunk:
                        return None
                    received += chunk
        return bytes(received[HEADER_BYTES:])


def _is_whole(received: bytearray) -> bool:
    if len(received) < HEADER_BYTES:
        return False
    return len(received) >= HEADER_BYTES + int.from_bytes(received[:HEADER_BYTES], "big")


def _send(pipe: IO[bytes], unsent: memoryview) -> memoryview:
    """Write what the pipe takes now; that a child is gone shows by the end of its answers."""
    try:
        return unsent[pipe.write(unsent) or 0 :]
    except BrokenPipeError:
        return unsent[len(unsent) :]

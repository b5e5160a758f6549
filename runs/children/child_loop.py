"""The child's side of `runs.children.bounded_child`: answer one request after the other, within limits.

A module that parses untrusted input calls `serve` and is started by `BoundedChild`. It should import
no Django, so that it starts fast and stays small.
"""

from __future__ import annotations

import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil

from .frames import LAST, MORE, encode_frame, read_frame

MAX_RESIDENT_BYTES = 150_000_000  # a larger child exits after its answer, and the next request starts a fresh one
LARGE_BYTES = 1_000_000
GRACE_SECONDS = 5.0  # the parent's own deadline comes first


def serve(answer: Callable[[bytes], bytes]) -> None:
    """Answer requests from standard input until it ends: this process never outlives its parent for long.

    The first three arguments of the command are CPU seconds and wall-clock seconds a request, and the bytes of
    memory; the rest of `sys.argv` is the module's own (see `own_arguments`).
    """
    cpu_seconds, wall_seconds, memory_bytes = (float(argument) for argument in sys.argv[1:4])
    # Stopping the worker signals its whole process group, but the present request is still to be answered.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    # Not every system has this limit; the two timers and the parent's deadline remain.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_bytes), int(memory_bytes)))
    # Not the peak of getrusage: on Linux a child inherits its parent's, and a large worker would start a new child for
    # every request.
    this_process = psutil.Process()
    with suppress(BrokenPipeError):
        while (request := read_frame(sys.stdin.buffer)) is not None:
            _start_timers(cpu_seconds, wall_seconds + GRACE_SECONDS)
            body = answer(request)
            _start_timers(0, 0)
            if len(request) > LARGE_BYTES:
                # Parsers leave their input in reference cycles, which Python would collect much later.
                del request
                gc.collect()
            is_last = this_process.memory_info().rss > MAX_RESIDENT_BYTES
            sys.stdout.buffer.write(encode_frame((LAST if is_last else MORE) + body))
            sys.stdout.buffer.flush()
            if is_last:
                break


def own_arguments() -> list[str]:
    """The arguments of `BoundedChild` that are for the module itself."""
    return sys.argv[4:]


def _start_timers(cpu_seconds: float, wall_seconds: float) -> None:
    """Nothing catches these signals, so the kernel ends even a parser that hangs in C.

    The processor's time is the main limit, so that a busy machine fails no item; the wall clock ends a child that only
    waits, should its parent be dead by then.
    """
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)

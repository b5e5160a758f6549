"""The text of PDFs, read by pdfplumber in a process of its own.

A PDF comes from a stranger and its parser is large: it may hang, eat all memory or crash.
So it runs in a child (`receipts.pdf_child`) under limits that the kernel enforces; what
kills the child fails one item, and the next PDF gets a new child. Not multiprocessing:
Celery's workers are daemonic processes, which may not have children of that kind.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn, Self, cast

from django.utils.translation import gettext as _

from receipts.hebrew import logical_order
from receipts.pdf_frames import read_frame, write_frame
from runs.exceptions import ItemFailed

PROJECT = Path(__file__).resolve().parent.parent


class PdfReader:
    """Reads PDFs, one at a time, in a child process that is started at the first one.

    Use it as a context manager: its end is the child's end. `cpu_seconds` of processor time
    and `wall_seconds` on the clock bound one PDF, `memory_bytes` bounds the child;
    `max_pages` and `max_characters` say how much of a document is worth reading.
    """

    def __init__(
        self,
        *,
        cpu_seconds: int = 5,
        wall_seconds: float = 60.0,
        memory_bytes: int = 300_000_000,
        max_pages: int = 10,
        max_characters: int = 200_000,
    ) -> None:
        self._wall_seconds = wall_seconds
        limits = (cpu_seconds, memory_bytes, max_pages, max_characters)
        self._command = [sys.executable, "-m", "receipts.pdf_child", *map(str, limits)]
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def text(self, content: bytes) -> str:
        """The text of a PDF, a line a line, Hebrew in reading order.

        Empty for a PDF of images. Raises ItemFailed with the code pdf_timeout,
        pdf_encrypted, pdf_too_complex or pdf_unreadable.
        """
        child = self._running()
        with self._deadline(child) as expired:
            answer = _ask(child, content)
        if answer is None:
            self.close()
            timed_out = expired.is_set() or child.returncode == -signal.SIGPROF
            _fail("timeout" if timed_out else "unreadable")
        if answer.get("last") or expired.is_set():
            self.close()
        if "error" in answer:
            _fail(str(answer["error"]))
        return logical_order(str(answer["text"]))

    def close(self) -> None:
        """End the child, if there is one. The next PDF starts another."""
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        with suppress(BrokenPipeError), child:
            pass

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._child

    @contextmanager
    def _deadline(self, child: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
        """Kill `child` when the block takes too long; the event then says so."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            child.kill()

        timer = threading.Timer(self._wall_seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()
            timer.join()


def _ask(child: subprocess.Popen[bytes], content: bytes) -> dict[str, object] | None:
    """The child's answer, or None when it died over the question."""
    with suppress(BrokenPipeError):
        write_frame(cast(BinaryIO, child.stdin), content)
        answer = read_frame(cast(BinaryIO, child.stdout))
        return json.loads(answer) if answer is not None else None
    return None


def _fail(reason: str) -> NoReturn:
    words = {
        "timeout": _("A PDF in this message takes too long to read."),
        "encrypted": _("A PDF in this message is protected by a password."),
        "too_complex": _("A PDF in this message needs too much memory to be read."),
        "unreadable": _("A PDF in this message is damaged and can't be read."),
    }
    raise ItemFailed(words[reason], code=f"pdf_{reason}")

"""The text of a PDF, read by pdfplumber.

A PDF comes from a stranger and its parser is large: it may loop, eat all memory or crash. So this is called in a
bounded child (`receipts.scan_child`) only. What its limits end kills the whole child; the gentler limit here, in
processor time, lets a PDF that takes too long fail alone, beside the other parts of its mail.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from types import FrameType
from typing import Final, TypeVar

import pdfplumber
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfminer.pdfparser import PDFSyntaxError
from pdfplumber.utils.exceptions import PdfminerException

from receipts.hebrew import logical_order
from receipts.phrases import mark as _
from runs.exceptions import ItemFailed

T = TypeVar("T")

REASONS: Final = {
    "timeout": _("A PDF in this message takes too long to read."),
    "encrypted": _("A PDF in this message is protected by a password."),
    "too_complex": _("A PDF in this message needs too much memory to be read."),
    "unreadable": _("A PDF in this message is damaged and can't be read."),
}


class OutOfTime(BaseException):
    """Not an Exception: parsers catch those, and would go on."""


@dataclass
class PdfReader:
    """Reads the PDFs of one mail.

    `cpu_seconds` bounds one of them and `all_cpu_seconds` all together; pages and characters say how much of a PDF
    is worth reading.
    """

    cpu_seconds: float = 5.0
    all_cpu_seconds: float = 30.0
    max_pages: int = 10
    max_characters: int = 200_000

    def text(self, content: bytes) -> str:
        """The text of a PDF, a line a line, Hebrew in reading order.

        Empty for a PDF of images. Raises ItemFailed with the code pdf_timeout,
        pdf_encrypted, pdf_too_complex or pdf_unreadable.
        """
        began = time.process_time()
        try:
            if self.all_cpu_seconds <= 0:
                raise OutOfTime
            drawn = _within(min(self.cpu_seconds, self.all_cpu_seconds), lambda: self._drawn_text(content))
        except (Exception, OutOfTime) as error:
            # A broken PDF may raise anything at all out of its parser.
            reason = _reason(error)
        else:
            # Some programs, Stripe's among them, draw a hyphen that reads as NUL.
            return logical_order(drawn.replace("\x00", "-"))
        finally:
            self.all_cpu_seconds -= time.process_time() - began
        # Not inside of `except`: this exception is kept, and would keep all that the parser had in its hands.
        raise failure(reason)

    def _drawn_text(self, content: bytes) -> str:
        pages: list[str] = []
        room = self.max_characters
        with pdfplumber.open(BytesIO(content)) as document:
            if not document.pages:
                raise PDFSyntaxError("no pages")
            for page in document.pages[: self.max_pages]:
                pages.append(page.extract_text()[:room])
                room -= len(pages[-1])
                page.close()
                if room <= 0:
                    break
        return "\n".join(pages)


def failure(reason: str) -> ItemFailed:
    """The failure for one of REASONS."""
    return ItemFailed(REASONS[reason], code=f"pdf_{reason}")


def _reason(error: object) -> str:
    """Which of REASONS it is, what the parser raised and pdfplumber may have wrapped."""
    match error:
        case PdfminerException(args=[wrapped, *_]):
            return _reason(wrapped)
        case OutOfTime():
            return "timeout"
        case PDFPasswordIncorrect():
            return "encrypted"
        case MemoryError() | RecursionError():
            return "too_complex"
        case _:
            return "unreadable"


def _within(cpu_seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns; OutOfTime is raised in its middle once it has used so much processor time."""

    def expire(signum: int, frame: FrameType | None) -> None:
        raise OutOfTime

    earlier = signal.signal(signal.SIGVTALRM, expire)
    # And again every second, for a parser that swallows even this.
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds, 1.0)
    try:
        try:
            return work()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        # Once more: the signal may have come on the way into the first.
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)

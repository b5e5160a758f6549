"""What a PDF says: its text, and the e-invoice that may be embedded in it. Read by pdfium.

A PDF comes from a stranger, and pdfium is large and written in C: it may loop, eat all memory or crash, and nothing in
its own process can stop it then. So this is called in a bounded child (`receipts.scanner.child`) only, and the kernel
keeps the limits:

1. A PDF is read in the child itself, which is fastest. One that takes too long or crashes ends the child.
2. Another child gets the same mail and reads each of its PDFs in a process apart: whatever ends that one fails a single
   PDF, beside the other parts of its mail.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NoReturn

from pypdfium2 import PdfDocument, PdfiumError, raw

from receipts.extraction.bundles import PAGE_BREAK
from receipts.message.message import Contents
from receipts.pdf.embedded_invoice import find_embedded_invoice
from receipts.pdf.hebrew import to_logical_order
from receipts.pdf.layout import UNDECODED, page_lines
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

REASONS: Final = {
    "timeout": _("A PDF in this message takes too long to read."),
    "encrypted": _("A PDF in this message is protected by a password."),
    "too_complex": _("A PDF in this message needs too much memory to be read."),
    "unreadable": _("A PDF in this message is damaged and can't be read."),
}
# What ends a process that reads one PDF: its clock, or pdfium when it gets no memory. Everything else is a crash.
_ENDED_BY: Final = {signal.SIGVTALRM: "timeout", signal.SIGALRM: "timeout", signal.SIGABRT: "too_complex"}
# On a busy machine the clock runs that much faster than the processor works.
WALL_FACTOR: Final = 4
# Of a text's characters: where more can't be decoded, what is left says nothing.
MOSTLY: Final = 1 / 3
# Some programs, Stripe's among them, draw a hyphen that reads as NUL.
_NUL: Final = "\x00"
_WORD = re.compile(r"\S+")
_GAP = re.compile(" {2,}")
_DIGIT = re.compile(r"\d")


@dataclass
class PdfReader:
    """Reads the PDFs of one mail.

    `cpu_seconds` bounds one of them and `all_cpu_seconds` all together; pages and characters say how much of a PDF
    is worth reading. `is_apart`: each of them in a process of its own.
    """

    cpu_seconds: float = 5.0
    all_cpu_seconds: float = 30.0
    max_pages: int = 10
    max_characters: int = 200_000
    is_apart: bool = False

    def read(self, content: bytes) -> Contents:
        """Raises ItemFailed with the code pdf_timeout, pdf_encrypted, pdf_too_complex or pdf_unreadable.

        Unless `is_apart`, a PDF that takes too long ends this process.
        """
        seconds = min(self.cpu_seconds, self.all_cpu_seconds)
        if seconds <= 0:
            raise pdf_failure("timeout")
        began = _used_cpu_seconds()
        outcome = self._read_apart(content, seconds) if self.is_apart else self._read_within(content, seconds)
        self.all_cpu_seconds -= _used_cpu_seconds() - began
        if isinstance(outcome, str):
            raise pdf_failure(outcome)
        return outcome

    def _read_within(self, content: bytes, cpu_seconds: float) -> Contents | str:
        """What the PDF says, or one of REASONS. Nothing catches the signal of this clock."""
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
        try:
            with PdfDocument(content) as document:
                return Contents(self._text(document), find_embedded_invoice(document))
        except PdfiumError as error:
            is_locked = error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
            return "encrypted" if is_locked else "unreadable"
        except (MemoryError, RecursionError):
            return "too_complex"
        except Exception:
            return "unreadable"  # a broken PDF may raise anything at all
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _text(self, document: PdfDocument) -> str:
        if not len(document):
            raise PdfiumError("no pages")
        text = "\n".join(self._lines(document))
        undecoded = text.count(UNDECODED) + text.count(_NUL)
        if undecoded > MOSTLY * len(text):
            return ""
        if undecoded:
            text = _WORD.sub(_unless_broken_number, text.replace(_NUL, "-"))
        return _GAP.sub(" ", to_logical_order(text))

    def _lines(self, document: PdfDocument) -> Iterator[str]:
        room = self.max_characters
        for place, page in enumerate(islice(document, self.max_pages)):
            if place:
                yield PAGE_BREAK
            text_page = page.get_textpage()
            yield from page_lines(text_page, room)
            room = max(0, room - text_page.count_chars())
            page.close()

    def _read_apart(self, content: bytes, cpu_seconds: float) -> Contents | str:
        receiving, sending = os.pipe()
        child = os.fork()
        if not child:
            self._send_result(sending, content, cpu_seconds)
        os.close(sending)
        with os.fdopen(receiving, "rb") as pipe:
            answer = pipe.read()
        _child, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return _ENDED_BY.get(signal.Signals(os.WTERMSIG(status)), "unreadable")
        reason, text, invoice = json.loads(answer)
        return reason or Contents(text, invoice.encode("latin-1"))

    def _send_result(self, pipe: int, content: bytes, cpu_seconds: float) -> NoReturn:
        try:
            signal.setitimer(signal.ITIMER_REAL, WALL_FACTOR * cpu_seconds)
            outcome = self._read_within(content, cpu_seconds)
            reason, read = (outcome, Contents("")) if isinstance(outcome, str) else ("", outcome)
            answer = json.dumps((reason, read.text, read.invoice.decode("latin-1")))
            with os.fdopen(pipe, "wb") as stream:
                stream.write(answer.encode())
            os._exit(0)
        finally:
            os.abort()  # never back into the program that this is a copy of


def pdf_failure(reason: str) -> ItemFailed:
    """The failure for one of REASONS."""
    return ItemFailed(REASONS[reason], code=f"pdf_{reason}")


def _used_cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def _unless_broken_number(word: re.Match[str]) -> str:
    """Drop a number with a character that can't be decoded: without that character it would be another number."""
    before, undecoded, after = word[0].partition(UNDECODED)
    return undecoded if _DIGIT.search(before) and _DIGIT.search(after) else word[0]

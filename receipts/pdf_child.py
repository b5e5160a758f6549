"""The process that parses PDFs for `receipts.pdf`. Run as `python -m receipts.pdf_child`.

It imports no Django, so that it starts fast and stays small. It answers one frame
(`receipts.pdf_frames`) at a time. A request is a PDF; an answer is JSON, {"text": ...} or
{"error": ...}, and "last": true when this process has grown and leaves. It ends when its
input does, so that it never outlives the worker.

    python -m receipts.pdf_child CPU_SECONDS MEMORY_BYTES MAX_PAGES MAX_CHARACTERS
"""

import gc
import json
import logging
import resource
import signal
import sys
from contextlib import suppress
from io import BytesIO

import pdfplumber
import psutil
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfminer.pdfparser import PDFSyntaxError
from pdfplumber.utils.exceptions import PdfminerException

from receipts.pdf_frames import read_frame, write_frame

# A child of this size, in bytes, makes room for a fresh one.
GROWN = 150_000_000
LARGE = 1_000_000


def main() -> None:
    cpu_seconds, memory_bytes, max_pages, max_characters = map(int, sys.argv[1:])
    # Whoever stops the worker signals its whole group; the request at hand is still wanted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    # Not every system has this limit; the clock below and the parent's deadline remain.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    # Not the peak that getrusage knows: Linux hands a child its parent's, and a large worker would get a new
    # child for every PDF.
    me = psutil.Process()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(BrokenPipeError):
        while (request := read_frame(requests)) is not None:
            # Time on the processor, not on the wall: a busy machine fails nobody's invoice.
            # Nothing catches the signal, so the kernel ends even a parser that hangs in C.
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            answer: dict[str, object] = answer_to(request, max_pages, max_characters)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if len(request) > LARGE:
                # Its parser leaves it in reference cycles, which Python would clear much later.
                del request
                gc.collect()
            last = me.memory_info().rss > GROWN
            write_frame(answers, json.dumps(answer | {"last": last}).encode())
            if last:
                break


def answer_to(content: bytes, max_pages: int, max_characters: int) -> dict[str, object]:
    """The text of a PDF as {"text": ...}, or {"error": code} for one without a text to read."""
    try:
        return {"text": text_of(content, max_pages, max_characters)}
    except Exception as error:
        # A broken PDF may raise anything at all out of its parser.
        return {"error": reason_of(error)}


def reason_of(error: object) -> str:
    """The code for what the parser raised, which pdfplumber may have wrapped."""
    match error:
        case PdfminerException(args=[wrapped, *_]):
            return reason_of(wrapped)
        case PDFPasswordIncorrect():
            return "encrypted"
        case MemoryError() | RecursionError():
            return "too_complex"
        case _:
            return "unreadable"


def text_of(content: bytes, max_pages: int, max_characters: int) -> str:
    pages: list[str] = []
    room = max_characters
    with pdfplumber.open(BytesIO(content)) as document:
        if not document.pages:
            raise PDFSyntaxError("no pages")
        for page in document.pages[:max_pages]:
            pages.append(page.extract_text()[:room])
            room -= len(pages[-1])
            page.close()
            if room <= 0:
                break
    return "\n".join(pages)


if __name__ == "__main__":
    main()

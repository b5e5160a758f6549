"""What reads mail takes time that grows with its length and no faster, whatever the mail is made of.

Each case is a megabyte of the worst that could be thought of for one of its patterns or functions. They run in
children whose processor time is limited: what is quadratic takes hours there, where all of these take seconds.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice, product

import pytest
from django.conf import settings

from receipts.extraction.facts import read_facts
from receipts.extraction.scan import scan
from receipts.message.markup import html_text
from receipts.message.message import Contents, open_message
from receipts.message.tnef import SIGNATURE, unpack_stream
from receipts.pdf.hebrew import to_logical_order
from runs.exceptions import ItemFailed

MEGABYTE = 1_000_000
# One case takes 5 s at most on a slow machine; one of `patterns`, whose rows are short for their number, 2 s.
CPU_SECONDS = {"patterns": 8.0}
OTHER_CPU_SECONDS = 20.0

Case = tuple[str, Callable[[], object]]

# The rooms whose modules read what strangers sent.
ROOMS = ("extraction", "mailbox", "message", "pdf")
# What makes patterns of any kind try again and again: what may begin a match, and never ends it.
ROWS = (
    *("a", "1", " ", "-", "<a", "<a ", "&#9", "=?", "\n", '"', "א", "1,", "1.1", "$1", "$ ", "a-", "invoice number "),
    *(
        "111,",
        "111 ",
        "7 $",
        "($1",
        "-1",
        "1.1.",
        "a b ",
        "a@b",
        "no",
        "n° ",
        "(1) nr ",
        "gmbh ",
        "x via y ",
        "(cid:1)",
    ),
    *("total 1 ", "amount due ", "rechnung", "date: 1.1.24 ", "seller: ", 'סה"כ 1 ₪', "IMG_1 ", "> ", "re: "),
    *("jan 1 ", "1 of jan ", "total ", "חשבונית מס ", "הלבושמכ", "a@b.", "a ltd ", "vendor: ", "begin 644 a", "UID 1"),
)


def row(piece: str, length: int = MEGABYTE) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def patterns() -> Iterator[Case]:
    """Every pattern that a module has, over each row; a quadratic one takes a quarter of a minute over each."""
    tried: set[int] = set()  # modules import them from each other
    for name in _modules():
        for attribute, value in vars(importlib.import_module(name)).items():
            for pattern in value if isinstance(value, list) else [getattr(value, "pattern", value), value]:
                if isinstance(pattern, re.Pattern) and id(pattern) not in tried:
                    tried.add(id(pattern))
                    yield f"{name}.{attribute}", partial(_search, pattern)


def _modules() -> Iterator[str]:
    for room in ROOMS:
        package = importlib.import_module(f"receipts.{room}")
        yield from (module.name for module in pkgutil.iter_modules(package.__path__, f"receipts.{room}."))


def _search(pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
    for piece in ROWS:
        text: str | bytes = row(piece, MEGABYTE // 32)
        if isinstance(pattern.pattern, bytes):
            text = str(text).encode()
        for _found in pattern.finditer(text):  # type: ignore[arg-type]
            pass
        pattern.fullmatch(text)  # type: ignore[arg-type]


def markup() -> Iterator[Case]:
    never_ended = ("<" + "a" * MEGABYTE, "</" + "a" * MEGABYTE, "<a " + " " * MEGABYTE, "&#" + "9" * MEGABYTE)
    pieces = ("<", "<a ", "<!--", "<!-- --", "</script", "<script>", "&#x9", "&amp", "<td>", "<" + "a" * 99)
    for text in (*never_ended, *map(row, pieces)):
        yield f"html_text({text[:12]!r}…)", partial(html_text, text)


def hebrew() -> Iterator[Case]:
    for piece in ("אa ", "א1a", "-1 ", "("):
        yield f"logical_order({piece!r}…)", partial(to_logical_order, "א" + row(piece))


def facts() -> Iterator[Case]:
    days = (f"{day} March {year}" for year, day in product(range(1900, 2100), range(1, 29)))
    yield "totals of totals", partial(read_facts, ("Total $1.00 Total $2.00 " * 20 + "\n") * 600, sent_at=None)
    yield "5,000 dates in words", partial(read_facts, "\n".join(islice(days, 5_000)), sent_at=None)
    marks = "a" + row("\u0300\u0323")
    yield "marks on one letter", partial(read_facts, marks, sent_at=None)
    everything = "total $1 invoice no 1 date 1.1.24 a ltd "
    for piece in ("invoice-", "$1", "12 jan 2024 ", "\ufdfa", everything):
        lines = row(row(piece, 399) + "\n")
        yield f"read_facts({piece!r}… in lines)", partial(read_facts, lines, sent_at=None)
    for piece in ("invoice-", "$1", " ", "\x00", "\ud800"):
        yield f"read_facts({piece!r}…)", partial(read_facts, row(piece), sent_at=None)


HEADERS = b"From: a@b.test\r\nSubject: Invoice\r\n"


def messages() -> Iterator[Case]:
    opened = partial(open_message, max_attachment_bytes=25_000_000)
    for name, piece in product((b"From", b"Subject", b"Date", b"Content-Type"), (b"=?a?q?", b"(", b"<", b';"', b",")):
        for length in (3_900, 250_000):
            header = name + b": text/plain; " + row(piece.decode(), length).encode()
            yield f"a header: {header[:30]!r}", partial(_try, opened, header + b"\r\n" + HEADERS + b"\r\n")
    part = b"Content-Type: text/plain; name*0=" + row(";name*1=a", 1_900).encode() + b"\r\n\r\nx"
    yield "300 parts of long names", partial(opened, _multipart([part] * 300))
    for boundary in (b"-" * 70, b"-"):
        body = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n' + b"-" * MEGABYTE
        yield "almost borders only", partial(_try, opened, HEADERS + body)
    wide = b"Content-Type: text/plain\r\n" + b"X: y\r\n" * 2_400 + b"\r\nx"
    yield "300 parts of many headers", partial(_try, opened, _multipart([wide] * 300))
    page = b'Content-Type: text/html; name="a.html"\r\n\r\n<html>' + row("<td>$1", 1_200_000).encode()
    yield "an attachment of 1.2 MB", partial(scan, _multipart([page] * 8), read_pdf=_unread)
    lines = b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\n" + b"#86%A\n" * (MEGABYTE // 6)
    yield "uuencoded lines", partial(opened, HEADERS + lines)


def _multipart(parts: list[bytes]) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    return HEADERS + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + body + b"--x--\r\n"


def _unread(content: bytes) -> Contents:
    return Contents("")


def _try(opened: Callable[[bytes], object], raw: bytes) -> None:
    with suppress(ItemFailed):  # it may be refused, if only at once
        opened(raw)


def winmail() -> Iterator[Case]:
    stream = SIGNATURE + b"\0\0"
    empty = b"\x02\x02\x90\x06\x00" + bytes(4) + bytes(2)
    yield "attachments of nothing", partial(unpack_stream, memoryview(stream + empty * (MEGABYTE // len(empty))))
    property_ = b"\x1f\x30\x07\x37" + b"\xff\xff\xff\xff"
    properties = b"\xff\xff\xff\xff" + property_ + bytes(MEGABYTE)
    counted = empty + b"\x02\x05\x90\x06\x00" + len(properties).to_bytes(4, "little") + properties + b"\0\0"
    yield "4 billion values", partial(_unpacked, stream + counted)


def _unpacked(stream: bytes) -> None:
    with suppress(ValueError):
        unpack_stream(memoryview(stream))


GROUPS = {cases.__name__: cases for cases in (patterns, markup, hebrew, facts, messages, winmail)}


@pytest.mark.parametrize("group", GROUPS)
def test_no_megabyte_takes_more_than_seconds(group: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", __name__, group],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    cases = done.stdout.splitlines()
    assert done.returncode == 0, f"{cases[-1:]} took too long, or failed. {done.stderr[-2000:]}"
    assert cases


if __name__ == "__main__":
    for case, run in GROUPS[sys.argv[1]]():
        print(case, flush=True)
        # Nothing catches the signal of this clock, which runs while the processor works.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS.get(sys.argv[1], OTHER_CPU_SECONDS))
        run()

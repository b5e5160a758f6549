"""Mail that is broken, or made to break its reader, one of each kind."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from demo.mailboxes.mime import attachment, mail, multipart, text
from demo.mailboxes.papers import Paper, bomb, drawn, endless, locked

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Sample:
    """A hostile mail: what is wrong with it, and the code that its reader must answer."""

    name: str
    fails_with: str
    make: Callable[[Headers], bytes]
    padded_to: int = 0


def _without_border(headers: Headers) -> bytes:
    return mail(headers, b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nInvoice\r\n--x--\r\n")


def _without_parts(headers: Headers) -> bytes:
    return mail(headers, b'Content-Type: multipart/mixed; boundary="never"\r\n\r\nInvoice total: $5.00\r\n')


def _without_headers(headers: Headers) -> bytes:
    return bytes(range(256)) * 20


def _in_klingon(headers: Headers) -> bytes:
    return mail(headers, b"Content-Type: text/plain; charset=x-klingon-8\r\n\r\n" + bytes(range(160, 250)) * 9)


def _encoded_by_nobody(headers: Headers) -> bytes:
    return mail(headers, b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-rot\r\n\r\nvaibvpr\r\n")


def _nested(headers: Headers) -> bytes:
    part = text("At the bottom of it all.")
    for depth in range(400):
        part = multipart([part], border=f"b{depth}")
    return mail(headers, part)


def _shattered(headers: Headers) -> bytes:
    return mail(headers, multipart([b"Content-Type: text/plain\r\n\r\nx"] * 2_000))


def _with_endless_headers(headers: Headers) -> bytes:
    return mail([*headers, *((f"X-Trace-{number}", "y" * 70) for number in range(20_000))], text("x"))


def _in_outlooks_own(headers: Headers) -> bytes:
    parts = [
        text("See the attached invoice."),
        attachment(b"\x78\x9f\x3e\x22" * 90, "winmail.dat", "application/ms-tnef"),
    ]
    return mail(headers, multipart(parts))


def _with_pdf(paper: Callable[[], bytes]) -> Callable[[Headers], bytes]:
    return lambda headers: mail(headers, multipart([attachment(paper(), "invoice.pdf", "application/pdf")]))


def _cut_off() -> bytes:
    whole = drawn(Paper("Half Measures Ltd", ["Invoice number: 5"], [], [("Total due:", "$5.00")]))
    return whole[: len(whole) // 2]


def _noise() -> bytes:
    return b"%PDF-1.7\n" + base64.b64encode(bytes(range(256)) * 40)


def zip_bomb() -> bytes:
    """A file that says it is a zip and unpacks to petabytes. Nobody here opens it."""
    return b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(400)


MAILS: Final = (
    Sample("parts without a border", "malformed", _without_border),
    Sample("a border without parts", "malformed", _without_parts),
    Sample("no headers at all", "malformed", _without_headers),
    Sample("an absurd character set", "charset", _in_klingon),
    Sample("an unknown encoding", "malformed", _encoded_by_nobody),
    Sample("nested 400 times", "nested_too_deep", _nested),
    Sample("2,000 parts", "too_many_parts", _shattered),
    Sample("20,000 headers", "header_too_large", _with_endless_headers),
    Sample("winmail.dat", "winmail", _in_outlooks_own),
    Sample("a PDF cut in half", "pdf_unreadable", _with_pdf(_cut_off)),
    Sample("noise named PDF", "pdf_unreadable", _with_pdf(_noise)),
    Sample("a PDF with a password", "pdf_encrypted", _with_pdf(locked)),
    Sample("a PDF that unpacks to a gigabyte", "pdf_too_complex", _with_pdf(bomb)),
    Sample("200 MB", "too_large", lambda headers: mail(headers, text("Invoice")), padded_to=200_000_000),
    Sample("a PDF that never ends", "pdf_timeout", _with_pdf(endless)),
)

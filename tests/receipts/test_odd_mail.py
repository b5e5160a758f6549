"""Mail that breaks the rules, and that mail programs read all the same; and one bad part beside good ones."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import override_settings

from demo.mailboxes.hostile import zip_bomb
from demo.mailboxes.mime import attachment, envelope, mail, multipart, text
from demo.mailboxes.papers import Paper, drawn, endless, locked, with_hyphens_as_nul
from receipts.extraction.scan import Scanned
from receipts.message.message import open_message
from receipts.message.tnef import SIGNATURE
from receipts.scanner.scanner import Scanner
from runs.exceptions import ItemFailed

HEADERS = envelope(
    "Acme Ltd", "billing@acme.test", "dana@b.test", "Your invoice", datetime(2024, 5, 1, tzinfo=UTC), "1"
)
INVOICE = drawn(
    Paper("Acme Ltd", ["Invoice number: AB-77", "Invoice date: 2024-05-01"], [], [("Total due:", "$120.50")])
)
GOOD = attachment(INVOICE, "invoice.pdf", "application/pdf")
BODY = "Invoice number: AB-77\nInvoice date: 2024-05-01\nTotal due: $120.50\n"


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with override_settings(RECEIPTS_MAX_ATTACHMENT_BYTES=1_000_000, RECEIPTS_PDF_SECONDS=1), Scanner() as running:
        yield running


def amounts(scanned: Scanned) -> list[Decimal | None]:
    return [finding.amount for _document, finding in scanned.findings]


def codes(scanned: Scanned) -> list[str]:
    return [fault.code for fault in scanned.faults]


def encode_mail(encoding: str, content: bytes) -> bytes:
    return mail(
        HEADERS, f"Content-Type: text/plain\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content
    )


# Encodings as programs spell them


@pytest.mark.parametrize(
    "encoding",
    ["7-bit", "8-bit", "8 bit", "plain", "none", "utf-8", "binary", '"7bit"', "7bit;", "7bit (what else)", " 8BIT\r\n"],
)
def test_unencoded_text_is_read_whatever_encoding_is_declared(scanner: Scanner, encoding: str) -> None:
    scanned = scanner.scan(encode_mail(encoding, BODY.encode()))
    assert (amounts(scanned), codes(scanned)) == ([Decimal("120.50")], [])


@pytest.mark.parametrize("encoding", ["base64;", "BASE64", "base-64", "x-base64", "'base64'", "base64 (mime)"])
def test_base64_is_read_however_it_is_spelt(scanner: Scanner, encoding: str) -> None:
    assert amounts(scanner.scan(encode_mail(encoding, base64.encodebytes(BODY.encode())))) == [Decimal("120.50")]


@pytest.mark.parametrize("encoding", ["quoted-printable;", "Quoted_Printable", "qp"])
def test_quoted_printable_is_read_however_it_is_spelt(scanner: Scanner, encoding: str) -> None:
    assert amounts(scanner.scan(encode_mail(encoding, BODY.replace("$", "=24").encode()))) == [Decimal("120.50")]


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "x-uue"])
@pytest.mark.parametrize("padding", [b"", b"  "])
def test_uuencoded_files_are_read(scanner: Scanner, encoding: str, padding: bytes) -> None:
    lines = [binascii.b2a_uu(INVOICE[at : at + 45]).rstrip(b"\n") + padding for at in range(0, len(INVOICE), 45)]
    content = b"begin 644 invoice.pdf\n" + b"\n".join(lines) + b"\n`\nend\n"
    head = f"Content-Type: application/pdf\r\nContent-Transfer-Encoding: {encoding}\r\n"
    head += "Content-Disposition: attachment; filename=invoice.pdf\r\n\r\n"
    scanned = scanner.scan(mail(HEADERS, multipart([text("See below."), head.encode() + content])))
    [(document, finding)] = scanned.findings
    assert document is not None
    assert (document.content, finding.amount) == (INVOICE, Decimal("120.50"))


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\r\n\r\n", b"From dana Wed May  1 12:00:00\r\n"]
)
def test_lines_before_the_headers_are_skipped(scanner: Scanner, before: bytes) -> None:
    scanned = scanner.scan(before + mail(HEADERS, text(BODY)))
    assert (scanned.subject, amounts(scanned)) == ("Your invoice", [Decimal("120.50")])


def test_a_mail_that_was_forwarded_in_base64_is_opened(scanner: Scanner) -> None:
    inner = base64.encodebytes(b"\xef\xbb\xbf" + mail(HEADERS, multipart([GOOD])))
    part = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
    assert amounts(scanner.scan(mail(HEADERS, multipart([text("Fwd"), part], border="=_outer")))) == [Decimal("120.50")]


def test_a_file_name_in_plain_utf_8_is_read() -> None:
    raw = mail(HEADERS, multipart([GOOD.replace(b"invoice.pdf", "חשבונית.pdf".encode())]))
    assert open_message(raw, max_attachment_bytes=10**6).filenames == ("חשבונית.pdf",)


@pytest.mark.parametrize(
    ("charset", "written_in", "words"),
    [("iso-8859-1", "cp1252", "Total due: €5.00"), ("gb2312", "gb18030", "這 ¥"), ("x-sjis", "cp932", "①")],
)
def test_a_character_set_is_read_as_its_superset(charset: str, written_in: str, words: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    opened = open_message(mail(HEADERS, head.encode() + words.encode(written_in)), max_attachment_bytes=10**6)
    assert opened.plain == words


# winmail.dat


def attribute(level: int, name: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def long_name(name: str) -> bytes:
    """MAPI properties: a long file name in UTF-16."""
    value = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<IHHII", 1, 0x001F, 0x3707, 1, len(value)) + value + bytes(-len(value) % 4)


def winmail(*files: tuple[str, bytes]) -> bytes:
    packed = b"".join(
        attribute(2, 0x00069002, bytes(14))
        + attribute(2, 0x00018010, b"INVOIC~1.PDF\0")
        + attribute(2, 0x0006800F, content)
        + attribute(2, 0x00069005, long_name(name))
        for name, content in files
    )
    return SIGNATURE + b"\1\0" + attribute(1, 0x00089006, b"\0\0\1\0") + packed


def in_outlook(stream: bytes) -> bytes:
    return mail(HEADERS, multipart([text("See below."), attachment(stream, "winmail.dat", "application/ms-tnef")]))


def test_winmail_dat_is_unpacked(scanner: Scanner) -> None:
    scanned = scanner.scan(in_outlook(winmail(("notes.zip", zip_bomb()), ("חשבונית מאי.pdf", INVOICE))))
    [(document, finding)] = scanned.findings
    assert document is not None
    assert (document.filename, document.content, finding.amount) == ("חשבונית מאי.pdf", INVOICE, Decimal("120.50"))


def test_a_truncated_winmail_dat_gives_its_complete_parts(scanner: Scanner) -> None:
    stream = winmail(("invoice.pdf", INVOICE), ("second.pdf", INVOICE[::-1]))
    assert amounts(scanner.scan(in_outlook(stream[: -len(INVOICE) // 2]))) == [Decimal("120.50")]


@pytest.mark.parametrize("stream", [b"", SIGNATURE, SIGNATURE * 90, b"no TNEF at all"])
def test_a_winmail_dat_that_cannot_be_unpacked_is_a_fault(scanner: Scanner, stream: bytes) -> None:
    assert codes(scanner.scan(in_outlook(stream))) == ["winmail"]


# One bad part


BAD = {
    "pdf_encrypted": attachment(locked(), "terms.pdf", "application/pdf"),
    "pdf_unreadable": attachment(b"%PDF-1.7 and nothing else", "terms.pdf", "application/pdf"),
    "malformed": b"Content-Type: image/png\r\nContent-Transfer-Encoding: x-rot\r\n\r\nvaibvpr",
    "charset": text("Terms").replace(b"utf-8", b"x-klingon-8"),
    "charset ": text("Terms").replace(b"utf-8", b"zip"),
    "winmail": attachment(b"no TNEF at all", "winmail.dat", "application/ms-tnef"),
    "header_too_large": b"Content-Type: text/plain\r\nX-Trace: " + b"y" * 20_000 + b"\r\n\r\nTerms",
    "attachment_too_large": attachment(INVOICE + bytes(2_000_000), "terms.pdf", "application/pdf"),
}


@pytest.mark.parametrize("code", BAD)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_bad_part_is_a_fault_beside_a_good_invoice(code: str, is_first: bool, scanner: Scanner) -> None:
    parts = [BAD[code], GOOD] if is_first else [GOOD, BAD[code]]
    scanned = scanner.scan(mail(HEADERS, multipart([text("Thank you."), *parts])))
    assert (amounts(scanned), codes(scanned)) == ([Decimal("120.50")], [code.strip()])
    assert not scanned.findings[0][1].needs_review


@pytest.mark.parametrize("nested", ["too deep", "without a border"])
def test_a_broken_part_is_the_only_one_that_is_lost(scanner: Scanner, nested: str) -> None:
    part = text("At the bottom.")
    for depth in range(40):
        part = multipart([part], border=f"b{depth}")
    bad = part if nested == "too deep" else b"Content-Type: multipart/mixed\r\n\r\nNo border."
    scanned = scanner.scan(mail(HEADERS, multipart([bad, GOOD], border="=_outer")))
    assert (amounts(scanned), codes(scanned)) == (
        [Decimal("120.50")],
        ["nested_too_deep" if nested == "too deep" else "malformed"],
    )


def test_an_endless_pdf_fails_alone(scanner: Scanner) -> None:
    bad = attachment(endless(), "terms.pdf", "application/pdf")
    scanned = scanner.scan(mail(HEADERS, multipart([bad, GOOD])))
    assert (amounts(scanned), codes(scanned)) == ([Decimal("120.50")], ["pdf_timeout"])


def test_a_mail_whose_invoice_could_not_be_read_is_reviewed(scanner: Scanner) -> None:
    scanned = scanner.scan(mail(HEADERS, multipart([text(BODY), BAD["pdf_encrypted"]])))
    [(document, finding)] = scanned.findings
    assert (document, finding.amount, finding.needs_review) == (None, Decimal("120.50"), True)


# Characters


def test_hyphens_that_a_pdf_calls_nul_are_hyphens(scanner: Scanner) -> None:
    paper = with_hyphens_as_nul(["Acme Ltd", "Invoice number: AB12-0007", "Date: 2024-05-01", "Total due: $120.50"])
    [(_document, finding)] = scanner.scan(
        mail(HEADERS, multipart([attachment(paper, "invoice.pdf", "application/pdf")]))
    ).findings
    assert (finding.invoice_number, str(finding.issued_on)) == ("AB12-0007", "2024-05-01")


@pytest.mark.parametrize(
    ("words", "day"),
    [("12 March 2024", "2024-03-12"), ("1st of Sept. 2024", "2024-09-01"), ("May 3rd, 2024", "2024-05-03"),
     ("3 במאי 2024", "2024-05-03"), ("31 במרס 2024", "2024-03-31"), ("30 February 2024", "None"),
     ("12 March 9999", "None"), ("12 March 0001", "None")],
)  # fmt: skip
def test_dates_in_words_are_read(scanner: Scanner, words: str, day: str) -> None:
    [(_document, finding)] = scanner.scan(
        mail(HEADERS, text(f"Invoice number: AB-77\nInvoice date: {words}\nTotal due: $120.50\n"))
    ).findings
    assert str(finding.issued_on) == day


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -1200", "Sat, 1 Jan 1600 00:00:00 +1400", "1" * 9_000])
def test_a_mail_from_the_end_of_the_calendar_has_no_date(scanner: Scanner, date: str) -> None:
    headers = [(name, date if name == "Date" else value) for name, value in HEADERS]
    scanned = scanner.scan(mail(headers, text(BODY + "Date: 3/4/24")))
    assert (scanned.sent_at, amounts(scanned)) == (None, [Decimal("120.50")])


def test_a_mail_without_headers_is_no_mail(scanner: Scanner) -> None:
    with pytest.raises(ItemFailed, match="no headers"):
        scanner.scan(b"\x00\x01\x02")

"""Splits the headers of a mail or a part from its body, and decodes their values."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final

from receipts.message.charsets import clean_text, decode_text
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

Headers = dict[str, str]  # the first of each name, which is in lower case; bytes beyond ASCII as surrogates
MAX_HEADER_BYTES: Final = 256_000
MAX_HEADER_LINES: Final = 2_000
# The header parsers of the standard library take quadratic time: these bound it.
MAX_HEADER_TEXT: Final = 4_000
_BOM: Final = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HEADER_NAME = re.compile(r"[!-9;-~]+")


def split_message(raw: memoryview) -> tuple[Headers, memoryview]:
    """Headers and body of a mail. ItemFailed, code header_too_large."""
    head = bytes(raw[: MAX_HEADER_BYTES + 100])
    # Some editors and gateways put a BOM or blank lines in front, which would hide the headers.
    start = len(_BOM) if head.startswith(_BOM) else 0
    start += len(head[start:]) - len(head[start:].lstrip(b"\r\n"))
    return split_headers(raw[start:], MAX_HEADER_BYTES)


def header_text(headers: Headers, name: str) -> str:
    """A header's readable text, "" if absent."""
    return decode_encoded_words(raw_header(headers, name))


def raw_header(headers: Headers, name: str) -> str:
    """A header's raw value; bytes beyond ASCII, which should have been encoded words, are decoded."""
    value = headers.get(name, "")
    return value if value.isascii() else decode_text(value.encode("ascii", "surrogateescape"), "")


def decode_encoded_words(value: str) -> str:
    """A header's text on one line, its encoded words (RFC 2047) decoded; one that can't be decoded stays as it is."""
    value = value[:MAX_HEADER_TEXT]
    if "=?" not in value:
        return clean_text(value)
    try:
        chunks = decode_header(value)
        text = "".join(
            chunk if isinstance(chunk, str) else decode_text(chunk, charset or "") for chunk, charset in chunks
        )
    except (ValueError, LookupError, HeaderParseError, ItemFailed):
        text = value
    return clean_text(text)


def split_headers(data: memoryview, max_bytes: int) -> tuple[Headers, memoryview]:
    head = bytes(data[: max_bytes + 4])
    if head.startswith((b"\n", b"\r\n")):
        return {}, data[head.index(b"\n") + 1 :]
    blank = _BLANK_LINE.search(head)
    end = blank.start() if blank else len(head)
    if end > max_bytes or head.count(b"\n", 0, end) > MAX_HEADER_LINES:
        raise ItemFailed(_("The headers of this message are too large."), code="header_too_large")
    return parse_headers(head[:end]), data[blank.end() if blank else len(data) :]


def parse_headers(head: bytes) -> Headers:
    headers: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in head.decode("ascii", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:1] in (" ", "\t"):
            lines.append(line)  # continues the header above (RFC 5322, folding)
            continue
        name, colon, value = line.partition(":")
        lines = [value]
        if colon and _HEADER_NAME.fullmatch(name := name.rstrip()):
            headers.setdefault(name.lower(), lines)
    return {name: "\n".join(lines)[:MAX_HEADER_TEXT].strip() for name, lines in headers.items()}

"""The Content-Transfer-Encoding of a part: its name, however it was spelt, and the bytes that it encodes."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from typing import Final

from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]{1,255}\r?\n", re.MULTILINE)
_ENCODING = re.compile(r"\A[\s\"']*+([a-z0-9]+(?:[-_ ][a-z0-9]+)*)")
# What programs write for the encodings of RFC 2045, with their punctuation left out.
_ENCODINGS: Final = {
    "base64": "base64",
    "xbase64": "base64",
    "b64": "base64",
    "quotedprintable": "quoted-printable",
    "xquotedprintable": "quoted-printable",
    "qp": "quoted-printable",
    "uuencode": "uuencode",
    "xuuencode": "uuencode",
    "uue": "uuencode",
    "xuue": "uuencode",
    "": "",
    "7bit": "",
    "7bits": "",
    "8bit": "",
    "8bits": "",
    "binary": "",
    "plain": "",
    "text": "",
    "none": "",
    "ascii": "",
    "usascii": "",
    "utf8": "",
    "iso88591": "",
}


def normalize_encoding(declared: str) -> str:
    """One of `_ENCODINGS`, however it was spelt; as declared where it is none of them."""
    declared = declared.lower()
    match = _ENCODING.match(declared)
    return _ENCODINGS.get(re.sub(r"[-_ ]", "", match[1]) if match else "", declared[:40] or "unknown")


def decode_content(body: memoryview, encoding: str) -> bytes:
    match encoding:
        case "":
            return bytes(body)
        case "base64":
            return decode_base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "uuencode":
            return decode_uuencode(bytes(body))
        case _:
            raise ItemFailed(_("A part of this message is encoded in an unknown way."), code="malformed")


def decode_base64(body: memoryview) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        # Cut short, or with foreign characters that confuse the padding: take what is whole.
        digits = _NOT_BASE64.sub(b"", bytes(body))
        return binascii.a2b_base64(digits[: len(digits) // 4 * 4])


def decode_uuencode(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    lines = body[begin.end() :].splitlines() if begin else []
    return b"".join(_decode_uu_lines(lines))


def _decode_uu_lines(lines: Iterable[bytes]) -> Iterable[bytes]:
    for line in lines:
        if line.rstrip() == b"end":
            return
        try:
            yield binascii.a2b_uu(line)
        except binascii.Error:
            # Some programs pad a line by more than its length says.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                yield binascii.a2b_uu(line[:length])
            except binascii.Error:
                return

"""The parts of a raw mail: found, named and decoded.

The standard library's parser reads line by line and recurses; on the mail of strangers
that is slow, and it takes several times the mail's size. Here parts are slices found by
their boundary, so that opening costs one pass and no copies, whatever the mail looks like.
"""

import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value
from functools import lru_cache, partial
from typing import Final, TypeVar

from receipts.message.charsets import clean, decoded
from receipts.phrases import mark as _
from runs.item_failed import ItemFailed

Headers = dict[str, str]  # the first of each name, which is in lower case; bytes beyond ASCII as surrogates
Split = Callable[[], tuple[Headers, memoryview]]  # of a part that was found and not looked at yet
T = TypeVar("T")

MAX_HEADER_BYTES: Final = 256_000
MAX_HEADER_LINES: Final = 2_000
# Of one part inside a mail: it has a few short ones.
MAX_PART_HEADER_BYTES: Final = 16_000
# The header parsers of the standard library take quadratic time: these bound it.
MAX_HEADER_TEXT: Final = 4_000
MAX_PARAMETERS: Final = 2_000
MAX_NAME: Final = 1_000
MAX_DEPTH: Final = 20
MAX_PARTS: Final = 300

_DESCRIBING: Final = ("content-type", "content-disposition")
_BOM: Final = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HEADER_NAME = re.compile(r"[!-9;-~]+")
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


@dataclass(frozen=True)
class _Described:
    """What the headers of a part say of it."""

    type: str
    charset: str
    filename: str
    is_attachment: bool
    boundary: str


@dataclass(frozen=True)
class Part:
    """A leaf of the MIME tree. `body` is still encoded, as `encoding` says; "" is not at all.

    `type` is the declared MIME type; `charset`, `filename` and `content_id` are "" when not declared.
    """

    type: str
    body: memoryview = field(repr=False)
    encoding: str = ""
    charset: str = ""
    filename: str = ""
    content_id: str = ""
    is_attachment: bool = False

    @property
    def is_attached(self) -> bool:
        return self.is_attachment or bool(self.filename)

    def is_embedded_in(self, html: str) -> bool:
        """A picture that is shown inside the text, such as a logo."""
        return bool(self.content_id) and f"cid:{self.content_id}" in html

    @property
    def size(self) -> int:
        """About how many bytes it decodes to, without decoding it."""
        return len(self.body) * 3 // 4 if self.encoding in ("base64", "uuencode") else len(self.body)

    def content(self, *, limit: int | None = None) -> bytes:
        """Its decoded bytes, of the first `limit` encoded bytes only if given.

        ItemFailed, code malformed, when its encoding is unknown.
        """
        return _decode(self.body if limit is None else self.body[:limit], self.encoding)


def split_message(raw: memoryview) -> tuple[Headers, memoryview]:
    """Headers and body of a mail. ItemFailed, code header_too_large."""
    head = bytes(raw[: MAX_HEADER_BYTES + 100])
    # Editors and gateways put such in front, and then no header would be where one is looked for.
    start = len(_BOM) if head.startswith(_BOM) else 0
    start += len(head[start:]) - len(head[start:].lstrip(b"\r\n"))
    return _split(raw[start:], MAX_HEADER_BYTES)


def leaves(headers: Headers, body: memoryview, faults: list[ItemFailed]) -> list[Part]:
    """The parts that hold something, in their order; what can't be taken apart is added to `faults`."""
    found: list[Part] = []
    stack: list[tuple[Split, int]] = [(lambda: (headers, body), 0)]
    for _count in range(MAX_PARTS):
        if not stack:
            return found
        split, depth = stack.pop()
        try:
            part, inside = _opened(*split())
            if inside and depth >= MAX_DEPTH:
                raise ItemFailed(_("The parts of this message are nested too deep."), code="nested_too_deep")
        except ItemFailed as fault:
            faults.append(fault)
            continue
        if inside is None:
            found.append(part)
        else:
            stack += [(piece, depth + 1) for piece in reversed(inside)]
    if stack:
        faults.append(ItemFailed(_("This message has too many parts."), code="too_many_parts"))
    return found


def header_text(headers: Headers, name: str) -> str:
    """A header's readable text, "" if absent."""
    return decoded_header(raw_header(headers, name))


def raw_header(headers: Headers, name: str) -> str:
    """A header as it stands in the mail, also when it holds bytes where encoded words should be."""
    value = headers.get(name, "")
    return value if value.isascii() else decoded(value.encode("ascii", "surrogateescape"), "")


def decoded_header(value: str) -> str:
    """A header's text on one line, its encoded words read. Undecodable ones stay as they are."""
    value = value[:MAX_HEADER_TEXT]
    if "=?" not in value:
        return clean(value)
    try:
        chunks = decode_header(value)
        text = "".join(chunk if isinstance(chunk, str) else decoded(chunk, charset or "") for chunk, charset in chunks)
    except (ValueError, LookupError, HeaderParseError, ItemFailed):
        text = value
    return clean(text)


def _split(data: memoryview, max_bytes: int) -> tuple[Headers, memoryview]:
    head = bytes(data[: max_bytes + 4])
    if head.startswith((b"\n", b"\r\n")):
        return {}, data[head.index(b"\n") + 1 :]
    blank = _BLANK_LINE.search(head)
    end = blank.start() if blank else len(head)
    if end > max_bytes or head.count(b"\n", 0, end) > MAX_HEADER_LINES:
        raise ItemFailed(_("The headers of this message are too large."), code="header_too_large")
    return _headers(head[:end]), data[blank.end() if blank else len(data) :]


def _headers(head: bytes) -> Headers:
    headers: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in head.decode("ascii", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:1] in (" ", "\t"):
            lines.append(line)  # goes on with the header above
            continue
        name, colon, value = line.partition(":")
        lines = [value]
        if colon and _HEADER_NAME.fullmatch(name := name.rstrip()):
            headers.setdefault(name.lower(), lines)
    return {name: "\n".join(lines)[:MAX_HEADER_TEXT].strip() for name, lines in headers.items()}


def _part(headers: Headers, body: memoryview, described: _Described) -> Part:
    return Part(
        type=described.type,
        body=body,
        encoding=_encoding(headers.get("content-transfer-encoding", "")),
        charset=described.charset,
        filename=described.filename,
        content_id=headers.get("content-id", "").strip("<> \t"),
        is_attachment=described.is_attachment,
    )


def _filename(described: "Message[str, str]") -> str:
    name = described.get_param("filename", None, "content-disposition")
    if name is None:
        name = described.get_param("name", None, "content-type")
    return decoded_header(collapse_rfc2231_value(name)[:MAX_NAME]) if name else ""


@lru_cache(maxsize=200)
def _described(*values: str) -> _Described:
    """What the two headers with parameters say, taken apart by the standard library; most mail says the same."""
    described: Message[str, str] = Message()
    for name, value in zip(_DESCRIBING, values, strict=True):
        if value:
            described[name] = value
    return _Described(
        type=_read(described.get_content_type, "application/octet-stream"),
        charset=_read(lambda: described.get_content_charset(""), ""),
        filename=_read(lambda: _filename(described), ""),
        is_attachment=_read(described.get_content_disposition, None) == "attachment",
        boundary=_read(lambda: described.get_boundary(""), ""),
    )


def _read(ask: Callable[[], T], default: T) -> T:
    """The standard library's answer about a header, or the default where that header breaks it."""
    try:
        return ask()
    except (ValueError, LookupError, TypeError, AttributeError):
        return default


def _encoding(declared: str) -> str:
    """One of `_ENCODINGS`, however it was spelt; as declared where it is none of them."""
    declared = declared.lower()
    found = _ENCODING.match(declared)
    return _ENCODINGS.get(re.sub(r"[-_ ]", "", found[1]) if found else "", declared[:40] or "unknown")


def _opened(headers: Headers, body: memoryview) -> tuple[Part, list[Split] | None]:
    """A part, and those inside it, None for a leaf."""
    described = _described(*(raw_header(headers, name)[:MAX_PARAMETERS] for name in _DESCRIBING))
    part = _part(headers, body, described)
    if part.type in ("message/rfc822", "message/global"):
        # Encoding a whole mail is forbidden, and done.
        inner = memoryview(part.content()) if part.encoding else part.body
        return part, [partial(split_message, inner)]
    if not part.type.startswith("multipart/"):
        return part, None
    if not described.boundary:
        raise ItemFailed(_("This message is malformed: its parts have no border."), code="malformed")
    pieces = _between(body, described.boundary.encode("utf-8", "surrogateescape"))
    return part, [partial(_split, piece, MAX_PART_HEADER_BYTES) for piece in pieces]


def _between(body: memoryview, boundary: bytes) -> list[memoryview]:
    """The slices of `body` between lines that start with the boundary.

    A missing last boundary is forgiven: cut mails are common, and what was cut shows later.
    """
    border = re.compile(re.escape(b"--" + boundary) + rb"(--)?[ \t]*+(?:\r?\n|\Z)")
    slices: list[memoryview] = []
    start: int | None = None
    for found in border.finditer(body):
        # Checked here and not in the pattern, which searches faster when it starts literally.
        if found.start() and body[found.start() - 1] != ord("\n"):
            continue
        if start is not None:
            slices.append(body[start : max(start, found.start() - 1)])
        start = None if found[1] else found.end()
        if found[1] or len(slices) > MAX_PARTS:
            break
    if start is not None:
        slices.append(body[start:])
    if not slices:
        raise ItemFailed(_("This message is malformed: its parts are missing."), code="malformed")
    return slices


def _decode(body: memoryview, encoding: str) -> bytes:
    match encoding:
        case "":
            return bytes(body)
        case "base64":
            return _from_base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "uuencode":
            return _from_uuencode(bytes(body))
        case _:
            raise ItemFailed(_("A part of this message is encoded in an unknown way."), code="malformed")


def _from_base64(body: memoryview) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        # Cut short, or with foreign characters that confuse the padding: take what is whole.
        digits = _NOT_BASE64.sub(b"", bytes(body))
        return binascii.a2b_base64(digits[: len(digits) // 4 * 4])


def _from_uuencode(body: bytes) -> bytes:
    begin = _UU_BEGIN.search(body)
    lines = body[begin.end() :].splitlines() if begin else []
    return b"".join(_uu_lines(lines))


def _uu_lines(lines: Iterable[bytes]) -> Iterable[bytes]:
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

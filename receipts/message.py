"""A raw mail, opened: its headers, its text and the documents it carries.

The standard library's parser reads line by line and recurses; on the mail of strangers
that is slow, and it takes several times the mail's size. Here parts are slices found by
their boundary, so that opening costs one pass and no copies, whatever the mail looks like.
"""

import binascii
import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value, parseaddr, parsedate_to_datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

import puremagic
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed

MAX_HEADER_BYTES: Final = 256_000
MAX_HEADER_LINES: Final = 2_000
# The header parsers of the standard library take quadratic time: this bounds it.
MAX_HEADER_TEXT: Final = 4_000
MAX_CONTENT_HEADER: Final = 8_000
MAX_DEPTH: Final = 20
MAX_PARTS: Final = 300
# More text than this is no receipt.
MAX_TEXT_BYTES: Final = 300_000

# Shown to users and stored in columns: longer is cut.
MAX_SUBJECT: Final = 500
MAX_ADDRESS: Final = 320
MAX_MESSAGE_ID: Final = 255
MAX_FILENAME: Final = 100

# What is kept of a mail, with the ending its file gets whatever it was called.
DOCUMENT_TYPES: Final = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
    "image/heif": ".heic",
    "text/html": ".html",
}

# Names that mail programs use and Python doesn't know. Hebrew mail is full of the first two.
_CHARSETS: Final = {
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "cp-1255": "cp1255",
    "dos-862": "cp862",
    "x-mac-hebrew": "iso-8859-8",
    "ansi_x3.4-1968": "ascii",
    "ansi_x3.110-1983": "latin-1",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "cp-850": "cp850",
    "x-sjis": "shift_jis",
    "ks_c_5601-1987": "cp949",
}
# Codecs of Python that are no charsets of mail; some take quadratic time.
_NO_CHARSETS: Final = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
# Declared as plain ASCII, or not at all, text is mostly UTF-8 or Windows Hebrew.
_GUESSED_CHARSETS: Final = ("utf-8", "cp1255", "latin-1")

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe]")
_UNSAFE_IN_NAME = re.compile(r"[^\w.\-()\[\] +,'&@#=]")
_ANGLED = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True)
class Document:
    """A file that came with a mail.

    `filename` is safe to store: no path, no control characters, an ending that fits
    `content_type`, which was found by looking at `content`. `sha256` is the hex digest.
    """

    filename: str
    content_type: str
    content: bytes
    sha256: str


@dataclass(frozen=True)
class OpenedMessage:
    """What a mail holds. Texts have no NUL and no lone surrogates: a database takes them.

    `message_id` is the header's, without the angle brackets, or a hash of the mail that
    has none. `sent_at` is aware, None when the mail doesn't say. `is_bulk`: it was sent by a
    mailing list or a newsletter. `plain` and `html` are the texts of the body, "" when absent.
    """

    message_id: str
    subject: str
    sender_name: str
    sender_address: str
    sent_at: datetime | None
    is_bulk: bool
    plain: str
    html: str
    documents: tuple[Document, ...]
    # Names of all the attached files, kept as documents or not.
    filenames: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A leaf of the MIME tree; `body` is still encoded."""

    headers: "Message[str, str]"
    body: memoryview

    @property
    def type(self) -> str:
        return self.headers.get_content_type()

    @property
    def encoding(self) -> str:
        return str(self.headers.get("content-transfer-encoding", "")).strip().lower()

    @property
    def filename(self) -> str:
        name = self.headers.get_param("filename", None, "content-disposition")
        if name is None:
            name = self.headers.get_param("name", None, "content-type")
        if name is None:
            return ""
        return decoded_header(collapse_rfc2231_value(name))

    @property
    def is_attached(self) -> bool:
        return self.headers.get_content_disposition() == "attachment" or bool(self.filename)

    def is_embedded_in(self, html: str) -> bool:
        """A picture that is shown inside the text, such as a logo."""
        cid = str(self.headers.get("content-id", "")).strip("<> \t")
        return bool(cid) and f"cid:{cid}" in html


def open_message(raw: bytes, *, max_attachment_bytes: int) -> OpenedMessage:
    """Open a mail. ItemFailed when it is broken, or made to break its reader.

    Its codes: malformed, header_too_large, nested_too_deep, too_many_parts, charset,
    attachment_too_large, winmail.
    """
    try:
        return _open(raw, max_attachment_bytes)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The header classes of the standard library raise all of these on hostile input.
        raise ItemFailed(_("This message is malformed."), code="malformed") from error


def _open(raw: bytes, max_attachment_bytes: int) -> OpenedMessage:
    headers, body = _split(memoryview(raw))
    if not any(name in headers for name in ("from", "subject", "date", "message-id", "received")):
        raise ItemFailed(_("This message has no headers: it is no mail."), code="malformed")
    parts = list(_leaves(headers, body))
    if any(_is_winmail(part) for part in parts):
        raise ItemFailed(
            _("The attachments of this message are packed in Outlook's winmail.dat format."),
            code="winmail",
        )
    html = _text(parts, "text/html")
    # Taken apart before its words are decoded: a name may hold quotes, as Hebrew companies' do.
    name, address = parseaddr(_raw_header(headers, "from"))
    return OpenedMessage(
        message_id=_message_id(headers, raw),
        subject=_header(headers, "subject")[:MAX_SUBJECT],
        sender_name=decoded_header(name)[:MAX_ADDRESS],
        sender_address=clean(address)[:MAX_ADDRESS],
        sent_at=_sent_at(headers),
        is_bulk=_is_bulk(headers),
        plain=_text(parts, "text/plain"),
        html=html,
        documents=_documents(parts, html, max_attachment_bytes),
        filenames=tuple(name for part in parts if (name := part.filename)),
    )


def _split(data: memoryview) -> tuple["Message[str, str]", memoryview]:
    """Headers and body of a mail or of one of its parts."""
    head = bytes(data[: MAX_HEADER_BYTES + 4])
    if head.startswith((b"\n", b"\r\n")):
        return Message(), data[head.index(b"\n") + 1 :]
    blank = _BLANK_LINE.search(head)
    end = blank.start() if blank else len(head)
    if end > MAX_HEADER_BYTES or head.count(b"\n", 0, end) > MAX_HEADER_LINES:
        raise ItemFailed(_("The headers of this message are too large."), code="header_too_large")
    headers = BytesHeaderParser(policy=compat32).parsebytes(head[:end] + b"\n\n")
    if any(
        len(value) > MAX_CONTENT_HEADER for name, value in headers.raw_items() if name.lower().startswith("content-")
    ):
        raise ItemFailed(_("The headers of this message are too large."), code="header_too_large")
    return headers, data[blank.end() if blank else len(data) :]


def _leaves(headers: "Message[str, str]", body: memoryview) -> Iterator[_Part]:
    """The parts that hold something, in their order."""
    stack = [(headers, body, 0)]
    seen = 0
    while stack:
        headers, body, depth = stack.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise ItemFailed(_("The parts of this message are nested too deep."), code="nested_too_deep")
        if seen > MAX_PARTS:
            raise ItemFailed(_("This message has too many parts."), code="too_many_parts")
        children = _children(headers, body)
        if children is None:
            yield _Part(headers, body)
        else:
            stack += [(*_split(child), depth + 1) for child in reversed(children)]


def _children(headers: "Message[str, str]", body: memoryview) -> list[memoryview] | None:
    """The parts inside a part, None for a leaf."""
    kind = headers.get_content_type()
    if kind == "message/rfc822":
        return [body]
    if not kind.startswith("multipart/"):
        return None
    boundary = headers.get_boundary("")
    if not boundary:
        raise ItemFailed(_("This message is malformed: its parts have no border."), code="malformed")
    return _between(body, boundary.encode("ascii", "surrogateescape"))


def _between(body: memoryview, boundary: bytes) -> list[memoryview]:
    """The slices of `body` between lines that start with the boundary.

    A missing last boundary is forgiven: cut mails are common, and what was cut shows later.
    """
    border = re.compile(re.escape(b"--" + boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
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


def _text(parts: list[_Part], kind: str) -> str:
    """The texts of one kind that stand in the body, one after another."""
    texts: list[str] = []
    room = MAX_TEXT_BYTES
    for part in parts:
        if part.type != kind or part.is_attached or room <= 0:
            continue
        # Cut before decoding: a text of base64 gives three bytes for four.
        content = _content(part, limit=room * 2)[:room]
        texts.append(clean(_decoded(content, part.headers.get_content_charset("")), lines=True))
        room -= len(content)
    return "\n".join(texts)


def _documents(parts: list[_Part], html: str, max_attachment_bytes: int) -> tuple[Document, ...]:
    """The files worth keeping, each once however often it is attached."""
    found: dict[str, Document] = {}
    for part in parts:
        if part.type == "text/plain" or part.is_embedded_in(html):
            continue
        if part.type == "text/html" and not part.is_attached:
            continue
        kind = sniffed_type(_content(part, limit=8_192))
        if kind not in DOCUMENT_TYPES:
            continue
        if _content_size(part) > max_attachment_bytes:
            raise ItemFailed(
                _("An attachment of this message is larger than allowed."),
                code="attachment_too_large",
            )
        content = _content(part)
        digest = hashlib.sha256(content).hexdigest()
        name = safe_filename(part.filename, kind)
        found.setdefault(digest, Document(name, kind, content, digest))
    return tuple(found.values())


def sniffed_type(head: bytes) -> str:
    """The MIME type of a file by its first bytes, "" when they say nothing."""
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    try:
        return str(puremagic.from_string(head, mime=True))
    except (puremagic.PureError, ValueError):
        return ""


def safe_filename(name: str, content_type: str) -> str:
    """`name` without path, control characters and tricks, ending as `content_type` does."""
    base = unicodedata.normalize("NFC", clean(name)).replace("\\", "/").rsplit("/", 1)[-1]
    stem = PurePosixPath(_UNSAFE_IN_NAME.sub("_", base)).stem.strip(". ")
    ending = DOCUMENT_TYPES.get(content_type, ".bin")
    return (stem[: MAX_FILENAME - len(ending)].strip(". ") or "document") + ending


def _content_size(part: _Part) -> int:
    """About how many bytes the part decodes to, without decoding it."""
    return len(part.body) * 3 // 4 if part.encoding == "base64" else len(part.body)


def _content(part: _Part, *, limit: int | None = None) -> bytes:
    """The decoded bytes of a part, of its first `limit` encoded bytes only if given."""
    body = part.body if limit is None else part.body[:limit]
    match part.encoding:
        case "base64":
            return _from_base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "" | "7bit" | "8bit" | "binary":
            return bytes(body)
        case _:
            raise ItemFailed(_("A part of this message is encoded in an unknown way."), code="malformed")


def _from_base64(body: memoryview) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        # Cut short, or with foreign characters that confuse the padding: take what is whole.
        digits = _NOT_BASE64.sub(b"", bytes(body))
        return binascii.a2b_base64(digits[: len(digits) // 4 * 4])


def _decoded(content: bytes, charset: str) -> str:
    codec = _codec(charset.strip().strip("'\"").lower())
    if codec is None:
        raise ItemFailed(_("This message is written in an unknown character set."), code="charset")
    if codec not in ("", "ascii"):
        return content.decode(codec, "replace")
    for guess in _GUESSED_CHARSETS:
        try:
            return content.decode(guess)
        except UnicodeDecodeError:
            continue
    return content.decode("ascii", "replace")


@lru_cache(maxsize=200)
def _codec(charset: str) -> str | None:
    """Python's name for a charset, "" for an undeclared one, None for an absurd one."""
    if charset in ("", "default", "unknown", "unknown-8bit", "x-unknown", "8bit", "binary"):
        return ""
    try:
        name = codecs.lookup(_CHARSETS.get(charset, charset)).name
        # Python also "decodes" compression and the like under such names; those raise here.
        b"".decode(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if name.replace("-", "_") in _NO_CHARSETS else name


def _header(headers: "Message[str, str]", name: str) -> str:
    """A header's readable text, "" if absent."""
    return decoded_header(_raw_header(headers, name))


def _raw_header(headers: "Message[str, str]", name: str) -> str:
    """A header as it stands in the mail, also when it holds bytes where encoded words should be."""
    for key, value in headers.raw_items():
        if key.lower() == name:
            return _decoded(str(value)[:MAX_HEADER_TEXT].encode("ascii", "surrogateescape"), "")
    return ""


def decoded_header(value: str) -> str:
    """A header's text on one line, its encoded words read. Undecodable ones stay as they are."""
    value = value[:MAX_HEADER_TEXT]
    try:
        chunks = decode_header(value)
        text = "".join(chunk if isinstance(chunk, str) else _decoded(chunk, charset or "") for chunk, charset in chunks)
    except (ValueError, LookupError, HeaderParseError, ItemFailed):
        text = value
    return clean(text)


def clean(text: str, *, lines: bool = False) -> str:
    """`text` without control and direction marks, and without what PostgreSQL can't store.

    Keeps line breaks only if `lines`; spaces of every kind become plain ones.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    if lines:
        kept = (_UNPRINTABLE.sub(_space_or_nothing, line) for line in text.splitlines())
        return "\n".join(kept).replace("\xa0", " ")
    return " ".join(_UNPRINTABLE.sub(_space_or_nothing, text).split())


def _space_or_nothing(found: re.Match[str]) -> str:
    return " " if found[0] in "\t\n\r\x0b\x0c\x85\u2028\u2029" else ""


def _message_id(headers: "Message[str, str]", raw: bytes) -> str:
    value = _header(headers, "message-id")
    if not value:
        # Stable, so that the same mail is the same receipt at every sync.
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    angled = _ANGLED.search(value)
    message_id = angled[1] if angled else value
    if len(message_id) > MAX_MESSAGE_ID:
        return f"sha256:{hashlib.sha256(message_id.encode()).hexdigest()}"
    return message_id


def _sent_at(headers: "Message[str, str]") -> datetime | None:
    try:
        sent_at = parsedate_to_datetime(str(headers.get("date", "")))
        # Without a zone ("-0000") the time is UTC, says RFC 5322.
        return (sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _is_bulk(headers: "Message[str, str]") -> bool:
    if "list-unsubscribe" in headers or "list-id" in headers:
        return True
    return str(headers.get("precedence", "")).strip().lower() in ("bulk", "list", "junk")


def _is_winmail(part: _Part) -> bool:
    return part.type in ("application/ms-tnef", "application/vnd.ms-tnef") or (part.filename.lower() == "winmail.dat")

"""Opens a raw mail: its headers, its text and its documents.

A part that can't be read becomes a fault, and the others are read all the same. Only a mail without headers, or with
too large ones, fails as a whole.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from functools import lru_cache
from typing import Final

from receipts.findings import Document
from receipts.message import tnef
from receipts.message.charsets import clean_text, decode_text
from receipts.message.documents import check_attachment_size, find_documents
from receipts.message.headers import Headers, decode_encoded_words, header_text, raw_header, split_message
from receipts.message.mime import Part, find_parts
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

# The bytes of text that are read of one mail. No receipt has more.
MAX_TEXT_BYTES: Final = 300_000

# Shown to users and stored in columns: longer is cut.
MAX_SUBJECT: Final = 500
MAX_ADDRESS: Final = 320
MAX_MESSAGE_ID: Final = 255
MAX_DATE: Final = 200

# Dates in other years are ignored: a conversion to another time zone might overflow.
YEARS: Final = range(1970, 2100)

_WINMAIL_TYPES: Final = ("application/ms-tnef", "application/vnd.ms-tnef")
_ANGLED = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True)
class Contents:
    """The contents of a document: its text, and the XML of the e-invoice that it is or that is embedded in it.

    Hebrew is in reading order. A PDF of images has no text, and neither has one whose fonts have no character map.
    """

    text: str
    invoice: bytes = b""


@dataclass(frozen=True)
class OpenedMessage:
    """The contents of a mail. Its texts have no NUL and no lone surrogates, which PostgreSQL would refuse.

    `message_id` is the header's, without the angle brackets, or a hash of the mail where it has none. `sent_at` is
    aware, None where the mail has no valid date. `is_bulk`: it was sent by a mailing list or a newsletter. `plain` and
    `html` are the texts of the body, "" where there is none. `faults` has one for each part that could not be read.
    `filenames` are those of all attached files, whether they are among the documents or not.
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
    filenames: tuple[str, ...]
    faults: tuple[ItemFailed, ...]


def open_message(raw: bytes | memoryview, *, max_attachment_bytes: int) -> OpenedMessage:
    """Open a mail. Raises ItemFailed, code malformed or header_too_large, where the headers are missing or too large.

    Codes of faults: malformed, header_too_large, nested_too_deep, too_many_parts, charset,
    attachment_too_large, winmail.
    """
    headers, body = split_message(memoryview(raw))
    if not any(name in headers for name in ("from", "subject", "date", "message-id", "received")):
        raise ItemFailed(_("This is not an email: it has no headers."), code="malformed")
    faults: list[ItemFailed] = []
    parts = _unpack_winmail(find_parts(headers, body, faults), max_attachment_bytes, faults)
    plain, html = (_join_texts(parts, kind, faults) for kind in ("text/plain", "text/html"))
    name, address = _parse_sender(headers)
    return OpenedMessage(
        message_id=_find_message_id(headers, raw),
        subject=header_text(headers, "subject")[:MAX_SUBJECT],
        sender_name=decode_encoded_words(name)[:MAX_ADDRESS],
        sender_address=clean_text(address)[:MAX_ADDRESS],
        sent_at=_parse_sent_at(headers),
        is_bulk=_is_bulk(headers),
        plain=plain,
        html=html,
        documents=find_documents(parts, html, max_attachment_bytes, faults),
        filenames=tuple(part.filename for part in parts if part.filename),
        faults=tuple(faults),
    )


def _unpack_winmail(parts: list[Part], max_attachment_bytes: int, faults: list[ItemFailed]) -> list[Part]:
    """The parts, with each winmail.dat replaced by the parts that Outlook packed into it."""
    found: list[Part] = []
    for part in parts:
        if part.type not in _WINMAIL_TYPES and part.filename.lower() != "winmail.dat":
            found.append(part)
            continue
        try:
            found += _read_winmail(part, max_attachment_bytes)
        except ItemFailed as fault:
            faults.append(fault)
    return found


def _read_winmail(part: Part, max_attachment_bytes: int) -> list[Part]:
    check_attachment_size(part, max_attachment_bytes)
    try:
        packed = tnef.unpack_stream(memoryview(part.content()))
    except ValueError as error:
        raise ItemFailed(
            _("The attachments of this message are packed in Outlook's winmail.dat format, and can't be unpacked."),
            code="winmail",
        ) from error
    texts = [("text/plain", packed.plain), ("text/html", packed.html)]
    return [
        *(Part(kind, memoryview(text.encode()), charset="utf-8") for kind, text in texts if text),
        *(Part("application/octet-stream", f.content, filename=f.name, is_attachment=True) for f in packed.files),
    ]


def _join_texts(parts: list[Part], kind: str, faults: list[ItemFailed]) -> str:
    """The body's texts of one type, one after another."""
    texts: list[str] = []
    bytes_left = MAX_TEXT_BYTES
    for part in parts:
        if part.type != kind or part.is_attached or bytes_left <= 0:
            continue
        try:
            # Cut before decoding as well, at twice as many bytes: base64 has four for three of the text.
            content = part.content(limit=bytes_left * 2)[:bytes_left]
            texts.append(clean_text(decode_text(content, part.charset), lines=True))
        except ItemFailed as fault:
            faults.append(fault)
        else:
            bytes_left -= len(content)
    return "\n".join(texts)


def _parse_sender(headers: Headers) -> tuple[str, str]:
    """Name and address, separated before decoding: a decoded name may contain quotes, as in Hebrew company names."""
    return _parse_address(raw_header(headers, "from"))


@lru_cache(maxsize=200)
def _parse_address(sender: str) -> tuple[str, str]:
    try:
        return parseaddr(sender)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""


def _find_message_id(headers: Headers, raw: bytes | memoryview) -> str:
    value = header_text(headers, "message-id")
    if not value:
        # A hash, so that the mail has the same id at every sync, and gives no second receipt.
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    angled = _ANGLED.search(value)
    message_id = angled[1] if angled else value
    if len(message_id) > MAX_MESSAGE_ID:
        return f"sha256:{hashlib.sha256(message_id.encode()).hexdigest()}"
    return message_id


def _parse_sent_at(headers: Headers) -> datetime | None:
    try:
        sent_at = parsedate_to_datetime(headers.get("date", "")[:MAX_DATE])
        # RFC 5322: a time without a zone ("-0000") is UTC.
        sent_at = (sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return sent_at if sent_at.year in YEARS else None


def _is_bulk(headers: Headers) -> bool:
    if "list-unsubscribe" in headers or "list-id" in headers:
        return True
    return headers.get("precedence", "").lower() in ("bulk", "list", "junk")

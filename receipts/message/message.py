"""A raw mail, opened: its headers, its text and the documents it carries.

What can't be read of it is a fault beside what can: a mail is given up only when nothing is left.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

import puremagic

from receipts.findings import Document
from receipts.message import tnef
from receipts.message.charsets import clean_text, decode_text
from receipts.message.einvoice_xml import is_einvoice
from receipts.message.headers import Headers, decode_encoded_words, header_text, raw_header, split_message
from receipts.message.mime import Part, find_parts
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

# More text than this is no receipt.
MAX_TEXT_BYTES: Final = 300_000
# What is looked at to know a file by its first bytes.
HEAD_BYTES: Final = 8_192

# Shown to users and stored in columns: longer is cut.
MAX_SUBJECT: Final = 500
MAX_ADDRESS: Final = 320
MAX_MESSAGE_ID: Final = 255
MAX_FILENAME: Final = 100
MAX_DATE: Final = 200

# What mail may say of when it was sent. Beyond, reckoning with it in another time zone may leave the calendar.
YEARS: Final = range(1970, 2100)

# The types of documents that are stored, with the file ending each gets.
DOCUMENT_TYPES: Final = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
    "image/heif": ".heic",
    "text/html": ".html",
    "application/xml": ".xml",
}
# The pictures that mails are full of. puremagic knows them too, after milliseconds.
_PICTURES: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_WINMAIL_TYPES: Final = ("application/ms-tnef", "application/vnd.ms-tnef")

_UNSAFE_IN_NAME = re.compile(r"[^\w.\-()\[\] +,'&@#=]")
_ANGLED = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True)
class Contents:
    """What a document says: its text, and the XML of the e-invoice that it is or that is embedded in it.

    Hebrew is in reading order. A PDF of images has no text, and neither has one whose fonts don't say what they draw.
    """

    text: str
    invoice: bytes = b""


@dataclass(frozen=True)
class OpenedMessage:
    """What a mail holds. Texts have no NUL and no lone surrogates: a database takes them.

    `message_id` is the header's, without the angle brackets, or a hash of the mail that
    has none. `sent_at` is aware, None when the mail doesn't say. `is_bulk`: it was sent by a
    mailing list or a newsletter. `plain` and `html` are the texts of the body, "" when absent.
    `faults` says, in words and codes, which of its parts could not be read.
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
    faults: tuple[ItemFailed, ...]


def open_message(raw: bytes | memoryview, *, max_attachment_bytes: int) -> OpenedMessage:
    """Open a mail. ItemFailed, code malformed or header_too_large, when it is none or was made to break its reader.

    Codes of faults: malformed, header_too_large, nested_too_deep, too_many_parts, charset,
    attachment_too_large, winmail.
    """
    headers, body = split_message(memoryview(raw))
    if not any(name in headers for name in ("from", "subject", "date", "message-id", "received")):
        raise ItemFailed(_("This is not an email: it has no headers."), code="malformed")
    faults: list[ItemFailed] = []
    parts = _unpacked(find_parts(headers, body, faults), max_attachment_bytes, faults)
    plain, html = (_text(parts, kind, faults) for kind in ("text/plain", "text/html"))
    name, address = _sender(headers)
    return OpenedMessage(
        message_id=_message_id(headers, raw),
        subject=header_text(headers, "subject")[:MAX_SUBJECT],
        sender_name=decode_encoded_words(name)[:MAX_ADDRESS],
        sender_address=clean_text(address)[:MAX_ADDRESS],
        sent_at=_sent_at(headers),
        is_bulk=_is_bulk(headers),
        plain=plain,
        html=html,
        documents=_documents(parts, html, max_attachment_bytes, faults),
        filenames=tuple(part.filename for part in parts if part.filename),
        faults=tuple(faults),
    )


def _unpacked(parts: list[Part], max_attachment_bytes: int, faults: list[ItemFailed]) -> list[Part]:
    """The parts, with what Outlook has packed into a winmail.dat in its place."""
    found: list[Part] = []
    for part in parts:
        if part.type not in _WINMAIL_TYPES and part.filename.lower() != "winmail.dat":
            found.append(part)
            continue
        try:
            found += _winmail_parts(part, max_attachment_bytes)
        except ItemFailed as fault:
            faults.append(fault)
    return found


def _winmail_parts(part: Part, max_attachment_bytes: int) -> list[Part]:
    _check_size(part, max_attachment_bytes)
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


def _check_size(part: Part, max_attachment_bytes: int) -> None:
    if part.size > max_attachment_bytes:
        raise ItemFailed(_("An attachment of this message is larger than allowed."), code="attachment_too_large")


def _text(parts: list[Part], kind: str, faults: list[ItemFailed]) -> str:
    """The texts of one kind that stand in the body, one after another."""
    texts: list[str] = []
    room = MAX_TEXT_BYTES
    for part in parts:
        if part.type != kind or part.is_attached or room <= 0:
            continue
        try:
            # Cut before decoding: a text of base64 gives three bytes for four.
            content = part.content(limit=room * 2)[:room]
            texts.append(clean_text(decode_text(content, part.charset), lines=True))
        except ItemFailed as fault:
            faults.append(fault)
        else:
            room -= len(content)
    return "\n".join(texts)


def _documents(
    parts: list[Part], html: str, max_attachment_bytes: int, faults: list[ItemFailed]
) -> tuple[Document, ...]:
    """The files worth keeping, each once however often it is attached."""
    found: dict[str, Document] = {}
    for part in parts:
        if (part.type == "text/plain" and not part.filename.lower().endswith(".xml")) or part.is_embedded_in(html):
            continue
        if part.type == "text/html" and not part.is_attached:
            continue
        try:
            document = _document(part, max_attachment_bytes)
        except ItemFailed as fault:
            faults.append(fault)
        else:
            if document:
                found.setdefault(document.sha256, document)
    return tuple(found.values())


def _document(part: Part, max_attachment_bytes: int) -> Document | None:
    kind = sniffed_type(part.content(limit=HEAD_BYTES))
    if kind not in DOCUMENT_TYPES:
        return None
    _check_size(part, max_attachment_bytes)
    content = part.content()
    return Document(safe_filename(part.filename, kind), kind, content, hashlib.sha256(content).hexdigest())


def sniffed_type(head: bytes) -> str:
    """The MIME type of a file by its first bytes, "" when they say nothing."""
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if is_einvoice(head):
        return "application/xml"
    for sign, picture in _PICTURES.items():
        if head.startswith(sign):
            return picture
    try:
        kind = str(puremagic.from_string(head.lstrip(), mime=True))
    except (puremagic.PureError, ValueError):
        return ""
    return "" if kind == "application/xml" else kind  # of XML only e-invoices are worth keeping


def safe_filename(name: str, content_type: str) -> str:
    """`name` without path, control characters and tricks, ending as `content_type` does."""
    base = unicodedata.normalize("NFC", clean_text(name)).replace("\\", "/").rsplit("/", 1)[-1]
    stem = PurePosixPath(_UNSAFE_IN_NAME.sub("_", base)).stem.strip(". ")
    ending = DOCUMENT_TYPES.get(content_type, ".bin")
    return (stem[: MAX_FILENAME - len(ending)].strip(". ") or "document") + ending


def _sender(headers: Headers) -> tuple[str, str]:
    """Name and address, taken apart before words are decoded: a name may hold quotes, as Hebrew companies' do."""
    return _address(raw_header(headers, "from"))


@lru_cache(maxsize=200)
def _address(sender: str) -> tuple[str, str]:
    try:
        return parseaddr(sender)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""


def _message_id(headers: Headers, raw: bytes | memoryview) -> str:
    value = header_text(headers, "message-id")
    if not value:
        # Stable, so that the same mail is the same receipt at every sync.
        return f"sha256:{hashlib.sha256(raw).hexdigest()}"
    angled = _ANGLED.search(value)
    message_id = angled[1] if angled else value
    if len(message_id) > MAX_MESSAGE_ID:
        return f"sha256:{hashlib.sha256(message_id.encode()).hexdigest()}"
    return message_id


def _sent_at(headers: Headers) -> datetime | None:
    try:
        sent_at = parsedate_to_datetime(headers.get("date", "")[:MAX_DATE])
        # Without a zone ("-0000") the time is UTC, says RFC 5322.
        sent_at = (sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return sent_at if sent_at.year in YEARS else None


def _is_bulk(headers: Headers) -> bool:
    if "list-unsubscribe" in headers or "list-id" in headers:
        return True
    return headers.get("precedence", "").lower() in ("bulk", "list", "junk")

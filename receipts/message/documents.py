"""Finds the attached files of a mail that may be receipts. Types are recognised by content, as mails often lie."""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

import puremagic

from receipts.findings import Document
from receipts.message.charsets import clean_text, find_charset
from receipts.message.einvoice_xml import is_einvoice
from receipts.message.mime import Part
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

# How much of a file is read to recognise its type.
HEAD_BYTES: Final = 8_192

# Stored in a column: longer is cut.
MAX_FILENAME: Final = 100

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
# The types of the mail's own text.
_BODY_TYPES: Final = ("text/plain", "text/html")
# The most frequent types. puremagic recognises them too, but takes milliseconds.
_PICTURES: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

_HTML_TYPES: Final = ("text/html", "application/xhtml+xml")
_HTML_ENDINGS: Final = (".html", ".htm", ".xhtml")
_HTML_TAG = re.compile(rb"<(?:!doctype\s++html|html|head|body|meta|table|div)\b", re.IGNORECASE)

_UNSAFE_IN_NAME = re.compile(r"[^\w.\-()\[\] +,'&@#=]")


def find_documents(
    parts: list[Part], html: str, max_attachment_bytes: int, faults: list[ItemFailed]
) -> tuple[Document, ...]:
    """The attached files of the types that are stored, each once however often it is attached."""
    found: dict[str, Document] = {}
    for part in parts:
        # Attached files are opened even if declared as text: a missing or malformed type reads the same (RFC 2045).
        if part.type in _BODY_TYPES and not part.is_attached:
            continue
        try:
            document = _make_document(part, html, max_attachment_bytes)
        except ItemFailed as fault:
            faults.append(fault)
        else:
            if document:
                found.setdefault(document.sha256, document)
    return tuple(found.values())


def _make_document(part: Part, html: str, max_attachment_bytes: int) -> Document | None:
    kind = _find_type(part)
    if kind not in DOCUMENT_TYPES:
        return None
    # Only a picture is shown inside the text; to any other file the text links.
    if kind.startswith("image/") and part.is_named_in(html):
        return None
    check_attachment_size(part, max_attachment_bytes)
    content = part.content()
    charset = find_charset(part.charset) if kind == "text/html" else ""
    filename = make_safe_filename(part.filename, kind)
    return Document(filename, kind, content, hashlib.sha256(content).hexdigest(), charset)


def _find_type(part: Part) -> str:
    """The type by content. HTML may begin in many ways, so what is declared as HTML needs only a tag near its start."""
    head = part.content(limit=HEAD_BYTES)
    kind = sniff_type(head)
    is_declared_html = part.type in _HTML_TYPES or part.filename.lower().endswith(_HTML_ENDINGS)
    if kind in DOCUMENT_TYPES or not is_declared_html:
        return kind
    return "text/html" if _HTML_TAG.search(head.replace(b"\0", b"")) else kind  # in UTF-16 too


def check_attachment_size(part: Part, max_attachment_bytes: int) -> None:
    if part.size > max_attachment_bytes:
        raise ItemFailed(_("An attachment of this message is larger than allowed."), code="attachment_too_large")


def sniff_type(head: bytes) -> str:
    """The MIME type of a file by its first bytes, "" for an unknown one."""
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
    return "" if kind == "application/xml" else kind  # of XML, only e-invoices are stored


def make_safe_filename(name: str, content_type: str) -> str:
    """`name` without path and unsafe characters, and with the file ending of `content_type`."""
    base = unicodedata.normalize("NFC", clean_text(name)).replace("\\", "/").rsplit("/", 1)[-1]
    stem = PurePosixPath(_UNSAFE_IN_NAME.sub("_", base)).stem.strip(". ")
    ending = DOCUMENT_TYPES.get(content_type, ".bin")
    return (stem[: MAX_FILENAME - len(ending)].strip(". ") or "document") + ending

"""Which pictures in a mail may be scans or photographs of paper, and which only decorate it."""

import re
import struct
from typing import Final

from receipts.extraction.labels import fold
from receipts.findings import Document

# Pictures whose shorter side has fewer pixels are icons, logos or signatures.
DECORATION_SIDE: Final = 220
# A banner is more times as wide as it is high. What is high and narrow may be a till receipt.
BANNER_RATIO: Final = 4
# Where the size in pixels can't be read: a photograph takes more bytes than a logo.
PHOTO_BYTES: Final = 60_000
HEAD_BYTES: Final = 65_536

_NEUTRAL_NAME = re.compile(
    r"(?:scan|img|image|dsc[fn]?|pxl|photo|picture|pic|doc|document|page|whatsapp image|screenshot|camscanner"
    r"|adobe scan|cam|p|סריקה|תמונה|צילום|סרוק|מסמך|foto|bild|numerisation|scansione|escaneo)?"
    r"(?:at|am|pm|copy|[\W\d_])*+"
)
_OUTLOOK_NAME = re.compile(r"image\d{3}")
_DECORATION = re.compile(
    r"logo|signature|sig(?!n)|banner|icon|footer|header|facebook|linkedin|instagram|twitter|youtube|whatsapp(?! image)"
    r"|avatar|badge|spacer|pixel|חתימה|לוגו|unterschrift|firma"
)


def is_decoration(document: Document) -> bool:
    """A logo, a signature or the like, by its name or its size."""
    stem = _file_stem(document)
    size = read_pixel_size(document.content[:HEAD_BYTES])
    if _DECORATION.search(stem) or (_OUTLOOK_NAME.fullmatch(stem) and len(document.content) < PHOTO_BYTES):
        return True
    if size is None:
        return False
    width, height = size
    return min(size) < DECORATION_SIDE or width > BANNER_RATIO * height


def is_scan_or_photo(document: Document) -> bool:
    """Whether it is named as cameras and scanners name files, or as large as theirs."""
    if is_decoration(document):
        return False
    return _NEUTRAL_NAME.fullmatch(_file_stem(document)) is not None or len(document.content) >= PHOTO_BYTES


def read_pixel_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG, None if they aren't in its first bytes."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    return _read_jpeg_size(head) if head.startswith(b"\xff\xd8") else None


def _read_jpeg_size(head: bytes) -> tuple[int, int] | None:
    """From the first frame header among a JPEG's segments."""
    place = 2
    while place + 9 <= len(head) and head[place] == 0xFF:
        kind, length = head[place + 1], int.from_bytes(head[place + 2 : place + 4])
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[place + 5 : place + 9])
            return (width, height) if width and height else None
        if length < 2:
            return None
        place += 2 + length
    return None


def _file_stem(document: Document) -> str:
    return fold(document.filename.rpartition(".")[0])

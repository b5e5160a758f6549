"""The last page of an Ogg file. For the child: no Django here."""

from __future__ import annotations

from typing import BinaryIO, Final

PAGE_HEADER_BYTES: Final = 27
MAX_PAGE_BYTES: Final = PAGE_HEADER_BYTES + 255 + 255 * 255
LAST_PAGE_FLAG: Final = 0x04


def has_last_page(file: BinaryIO, size: int) -> bool:
    """Does the file end with a complete page that is marked as the last?"""
    file.seek(max(0, size - 2 * MAX_PAGE_BYTES))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < PAGE_HEADER_BYTES:
        return False
    segments = page[PAGE_HEADER_BYTES : PAGE_HEADER_BYTES + page[26]]
    is_complete = len(segments) == page[26] and len(page) >= PAGE_HEADER_BYTES + page[26] + sum(segments)
    return is_complete and bool(page[5] & LAST_PAGE_FLAG)

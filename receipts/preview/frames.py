"""The request from `receipts.preview.preview` to its child.

A byte for the kind, one for the page, a line for the charset of HTML, and the document.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

MAX_PAGES: Final = 10
COUNT: Final = 0  # instead of a page number: asks how many pages there are


class DocumentKind(Enum):
    PDF = b"p"
    PICTURE = b"i"
    HTML = b"h"
    XML = b"x"

    @property
    def is_text(self) -> bool:
        """Shown as its text, not drawn."""
        return self in (DocumentKind.HTML, DocumentKind.XML)

    @classmethod
    def of(cls, content_type: str) -> DocumentKind | None:
        """None for what is never shown."""
        if content_type.startswith("image/"):
            return cls.PICTURE
        known = {"application/pdf": cls.PDF, "text/html": cls.HTML, "application/xml": cls.XML}
        return known.get(content_type.partition(";")[0])


def write_request(kind: DocumentKind, page: int, content: bytes, charset: str = "") -> bytes:
    return kind.value + bytes([page]) + charset.encode() + b"\n" + content


def read_request(request: bytes) -> tuple[DocumentKind, int, str, bytes]:
    end = request.index(b"\n", 2)  # the byte of the page may be the same
    return DocumentKind(request[:1]), request[1], request[2:end].decode(), request[end + 1 :]

"""A receipt's document beside its fields: pictures of its pages, or its text, made in a bounded child.

The document comes from a stranger and could run scripts in a browser. So the browser gets pictures that are drawn here,
and the document itself only as a download.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from runs.children.bounded_child import BoundedChild
from runs.exceptions import ChildDied, ChildTimedOut

from ..models import Receipt
from .frames import COUNT, MAX_PAGES, DocumentKind, write_request

CPU_SECONDS = 5.0
WALL_SECONDS = 15.0
MEMORY_BYTES = 700_000_000
# In each web process: a review page with ten pictures must not start ten children at once.
_AT_ONCE = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Preview:
    """Neither pages nor text: there is no document, or it can't be shown."""

    pages: range = range(0)
    text: str = ""


def make_preview(receipt: Receipt) -> Preview:
    kind = DocumentKind.of(receipt.content_type)
    made = _call_child(receipt, kind, COUNT)
    if kind and kind.is_text:
        return Preview(text=made.decode())
    return Preview(range(1, int(made or b"0") + 1))


def draw_page(receipt: Receipt, page: int) -> bytes:
    """A PNG; empty where there is none."""
    kind = DocumentKind.of(receipt.content_type)
    if kind is None or kind.is_text or not 1 <= page <= MAX_PAGES:
        return b""
    return _call_child(receipt, kind, page)


def _call_child(receipt: Receipt, kind: DocumentKind | None, page: int) -> bytes:
    content = _read_file(receipt) if kind else b""
    if not kind or not content:
        return b""
    if not _AT_ONCE.acquire(timeout=WALL_SECONDS):
        return b""
    try:
        with BoundedChild(
            "receipts.preview.child",
            cpu_seconds=CPU_SECONDS,
            wall_seconds=WALL_SECONDS,
            memory_bytes=MEMORY_BYTES,
        ) as child:
            return child.call(write_request(kind, page, content))
    except (ChildTimedOut, ChildDied):
        return b""
    finally:
        _AT_ONCE.release()


def _read_file(receipt: Receipt) -> bytes:
    try:
        with receipt.file.open("rb") as file:
            return bytes(file.read())
    except (ValueError, OSError):  # it has none, or the storage lost it
        return b""

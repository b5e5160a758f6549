"""A receipt's document beside its fields: pictures of its pages, or its text, made in a bounded child.

The document comes from a stranger and could run scripts in a browser. So the browser gets pictures that are drawn here,
and the document itself only as a download.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

from django.core.cache import caches

from runs.children.bounded_child import BoundedChild
from runs.exceptions import ChildDied, ChildTimedOut

from ..models import Receipt
from .frames import COUNT, MAX_PAGES, DocumentKind, write_request

CPU_SECONDS = 5.0
WALL_SECONDS = 15.0
MEMORY_BYTES = 700_000_000
# In each web process: a review page with ten pictures must not start ten children at once.
AT_ONCE: Final = threading.BoundedSemaphore(2)
RETRY_SECONDS: Final = 2  # when both are drawing; the page's script waits as long
MAX_CACHED_BYTES: Final = 2_000_000  # of one answer: the cache is in memory, and bounded by their number


class PreviewBusy(Exception):
    """Other documents are being drawn. Nobody waits for them in here: a web process has few threads."""


@dataclass(frozen=True)
class Preview:
    """Neither pages nor text: there is no document, or it can't be shown, or not yet (`is_busy`)."""

    pages: range = range(0)
    text: str = ""
    is_busy: bool = False


def make_preview(receipt: Receipt) -> Preview:
    kind = DocumentKind.of(receipt.content_type)
    try:
        made = _draw(receipt, kind, COUNT)
    except PreviewBusy:
        return Preview(is_busy=True)
    if kind and kind.is_text:
        return Preview(text=made.decode())
    return Preview(range(1, int(made or b"0") + 1))


def draw_page(receipt: Receipt, page: int) -> bytes:
    """A PNG; empty where there is none. Raises `PreviewBusy`."""
    kind = DocumentKind.of(receipt.content_type)
    if kind is None or kind.is_text or not 1 <= page <= MAX_PAGES:
        return b""
    return _draw(receipt, kind, page)


def _draw(receipt: Receipt, kind: DocumentKind | None, page: int) -> bytes:
    """Remembered for a while, also that nothing can be drawn: that may have taken all of the child's time."""
    content = _read_file(receipt) if kind else b""
    if not kind or not content:
        return b""
    _type, _parameter, charset = receipt.content_type.partition("; charset=")
    request, cache = write_request(kind, page, content, charset), caches["previews"]
    key = hashlib.sha256(request).hexdigest()
    drawn: bytes | None = cache.get(key)
    if drawn is None:
        drawn = _call_child(request)
        if len(drawn) <= MAX_CACHED_BYTES:
            cache.set(key, drawn)
    return drawn


def _call_child(request: bytes) -> bytes:
    if not AT_ONCE.acquire(blocking=False):
        raise PreviewBusy
    try:
        with BoundedChild(
            "receipts.preview.child",
            cpu_seconds=CPU_SECONDS,
            wall_seconds=WALL_SECONDS,
            memory_bytes=MEMORY_BYTES,
        ) as child:
            return child.call(request)
    except (ChildTimedOut, ChildDied):
        return b""
    finally:
        AT_ONCE.release()


def _read_file(receipt: Receipt) -> bytes:
    try:
        with receipt.file.open("rb") as file:
            return bytes(file.read())
    except (ValueError, OSError):  # it has none, or the storage lost it
        return b""

"""The slices of a multipart body, between the lines that start with its boundary."""

from __future__ import annotations

import re
from typing import Final

from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

MAX_PARTS: Final = 300


def slice_at_boundary(body: memoryview, boundary: bytes) -> list[memoryview]:
    """The slices of `body` between lines that start with the boundary.

    A missing last boundary is accepted: truncated mails are common, and reading the part shows what is missing.
    """
    border = re.compile(re.escape(b"--" + boundary) + rb"(--)?[ \t]*+(?:\r?\n|\Z)")
    slices: list[memoryview] = []
    start: int | None = None
    for match in border.finditer(body):
        # Checked here: a pattern that starts with a literal is searched for faster.
        if match.start() and body[match.start() - 1] != ord("\n"):
            continue
        if start is not None:
            slices.append(body[start : max(start, match.start() - 1)])
        start = None if match[1] else match.end()
        if match[1] or len(slices) > MAX_PARTS:
            break
    if start is not None:
        slices.append(body[start:])
    if not slices:
        raise ItemFailed(_("This message is malformed: its parts are missing."), code="malformed")
    return slices

"""The parts of a raw mail: found, named and decoded.

The standard library's parser reads line by line and recurses; on the mail of strangers
that is slow, and it takes several times the mail's size. Here parts are slices found by
their boundary, so that opening costs one pass and no copies, whatever the mail looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from receipts.message.boundaries import MAX_PARTS, slice_at_boundary
from receipts.message.content_encoding import decode_content, normalize_encoding
from receipts.message.declarations import DESCRIBING_HEADERS, Declaration, parse_declaration
from receipts.message.headers import Headers, raw_header, split_headers, split_message
from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

Split = Callable[[], tuple[Headers, memoryview]]  # of a part that was found and not looked at yet
# Of one part inside a mail: it has a few short ones.
MAX_PART_HEADER_BYTES: Final = 16_000
MAX_PARAMETERS: Final = 2_000
MAX_DEPTH: Final = 20
# Without it, the ID "1" would be found in "cid:10".
_END_OF_ID: Final = r"(?![\w.%+$@-])"


@dataclass(frozen=True)
class Part:
    """A leaf of the MIME tree. `body` is still encoded, as `encoding` says; "" is not at all.

    `type` is the declared MIME type; `charset`, `filename` and `content_id` are "" when not declared.
    """

    type: str
    body: memoryview = field(repr=False)
    encoding: str = ""
    charset: str = ""
    filename: str = ""
    content_id: str = ""
    is_attachment: bool = False

    @property
    def is_attached(self) -> bool:
        return self.is_attachment or bool(self.filename)

    def is_named_in(self, html: str) -> bool:
        """Whether the text names it by its Content-ID (RFC 2392): so it shows a logo, or links to a file."""
        return bool(self.content_id) and re.search(re.escape(f"cid:{self.content_id}") + _END_OF_ID, html) is not None

    @property
    def size(self) -> int:
        """About how many bytes it decodes to, without decoding it."""
        return len(self.body) * 3 // 4 if self.encoding in ("base64", "uuencode") else len(self.body)

    def content(self, *, limit: int | None = None) -> bytes:
        """Its decoded bytes, of the first `limit` encoded bytes only if given.

        ItemFailed, code malformed, when its encoding is unknown.
        """
        return decode_content(self.body if limit is None else self.body[:limit], self.encoding)


def find_parts(headers: Headers, body: memoryview, faults: list[ItemFailed]) -> list[Part]:
    """The leaf parts in their order; for one that can't be parsed, a fault is added to `faults`."""
    parts: list[Part] = []
    stack: list[tuple[Split, int]] = [(lambda: (headers, body), 0)]
    for _count in range(MAX_PARTS):
        if not stack:
            return parts
        split, depth = stack.pop()
        try:
            part, inside = _open_part(*split())
            if inside and depth >= MAX_DEPTH:
                raise ItemFailed(_("The parts of this message are nested too deep."), code="nested_too_deep")
        except ItemFailed as fault:
            faults.append(fault)
            continue
        if inside is None:
            parts.append(part)
        else:
            stack += [(piece, depth + 1) for piece in reversed(inside)]
    if stack:
        faults.append(ItemFailed(_("This message has too many parts."), code="too_many_parts"))
    return parts


def _build_part(headers: Headers, body: memoryview, described: Declaration) -> Part:
    return Part(
        type=described.type,
        body=body,
        encoding=normalize_encoding(headers.get("content-transfer-encoding", "")),
        charset=described.charset,
        filename=described.filename,
        content_id=headers.get("content-id", "").strip("<> \t"),
        is_attachment=described.is_attachment,
    )


def _open_part(headers: Headers, body: memoryview) -> tuple[Part, list[Split] | None]:
    """A part, and those inside it, None for a leaf."""
    described = parse_declaration(*(raw_header(headers, name)[:MAX_PARAMETERS] for name in DESCRIBING_HEADERS))
    part = _build_part(headers, body, described)
    if part.type in ("message/rfc822", "message/global"):
        # RFC 2046 forbids encoding an attached mail, but some programs do it.
        inner = memoryview(part.content()) if part.encoding else part.body
        return part, [partial(split_message, inner)]
    if not part.type.startswith("multipart/"):
        return part, None
    if not described.boundary:
        raise ItemFailed(_("This message is malformed: its parts have no boundary."), code="malformed")
    pieces = slice_at_boundary(body, described.boundary.encode("utf-8", "surrogateescape"))
    return part, [partial(split_headers, piece, MAX_PART_HEADER_BYTES) for piece in pieces]

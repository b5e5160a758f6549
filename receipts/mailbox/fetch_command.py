"""The text of a FETCH command and of its response (RFC 3501, 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_BODY = re.compile(rb"\bBODY\[\]", re.IGNORECASE)


def format_uid_set(uids: Sequence[int]) -> str:
    """IMAP's short form: 1,2,3,7 is "1:3,7"."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)


def parse_sizes(response: list[Any]) -> dict[int, int]:
    return {
        int(uid[1]): int(size[1])
        for line in response
        if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line))
    }


def parse_bodies(response: list[Any]) -> dict[int, bytes]:
    # Some servers send the UID after the text, in the last piece of the response.
    closings = [*response[1:], None]
    return {
        uid: piece[1]
        for piece, closing in zip(response, closings, strict=True)
        if isinstance(piece, tuple) and _BODY.search(piece[0]) and (uid := _parse_uid(piece[0], closing)) is not None
    }


def _parse_uid(opening: bytes, closing: Any) -> int | None:
    found = _UID.search(opening) or (isinstance(closing, bytes) and _UID.search(closing))
    return int(found[1]) if found else None

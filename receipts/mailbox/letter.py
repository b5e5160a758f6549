"""One message as the mail server delivered it, or the reason why it didn't."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Letter:
    """`size` is in bytes, as the server reports it.

    `raw` is None for a message that is larger than allowed, and so wasn't fetched (`too_large`), for one that somebody
    deleted between listing and fetching (`vanished`), and for one that the server can't deliver (`given_up`).
    """

    uid: int
    size: int
    raw: bytes | None = field(repr=False)
    too_large: bool = False
    vanished: bool = False
    given_up: bool = False

    @classmethod
    def from_response(cls, uid: int, size: int | None, raw: bytes | None, *, max_bytes: int) -> Self:
        """`size` is None where the server no longer lists the message; `raw` is None where it sent no body."""
        if size is not None and size > max_bytes:
            return cls(uid, size, None, too_large=True)
        if not raw:
            return cls(uid, size or 0, None, vanished=True)
        if len(raw) > max_bytes:
            return cls(uid, len(raw), None, too_large=True)
        return cls(uid, len(raw), raw)

"""Make untrusted text fit for the database."""

from __future__ import annotations

from typing import Final

ERROR_LENGTH: Final = 4000  # of what an exception or a server says about a run or an item


def clean(value: object, limit: int | None = None) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogate, not longer than `limit`."""
    text = str(value).replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text[:limit]

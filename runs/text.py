"""Texts of strangers, made fit for the database."""

from __future__ import annotations


def clean(value: object, limit: int | None = None) -> str:
    """Text that PostgreSQL can keep: no NUL, no half of a surrogate pair, not too long."""
    text = str(value).replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text[:limit]

"""Texts for people that a worker has written into the database, in the language of nobody in particular."""

from __future__ import annotations

from django.utils.translation import gettext


def translate_stored(text: str) -> str:
    """Our own lines in the reader's language; a provider's, and those with a value in them, as they are."""
    return "\n".join(gettext(line) if line else "" for line in text.splitlines())

"""Texts for people that a worker has written into the database: it doesn't know its readers' languages."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

# Earlier wordings, which rows still contain. Marked here, or `make messages` would drop their translations.
EARLIER_TEXTS = (
    gettext_noop("The worker died several times in a row on this run."),
    gettext_noop("The worker was lost before it heard the outcome."),
)


def translate_stored(text: str) -> str:
    """Lines that have a translation, in the reader's language. Others, such as a provider's, stay as they are."""
    return "\n".join(gettext(line) if line else "" for line in text.splitlines())

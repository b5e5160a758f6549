"""Why a recording can't be fetched or read: messages for people, by the error code of the failed item."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from runs.exceptions import ItemFailed
from runs.stored_text import translate_stored

MESSAGES: Final = {
    "empty": _("The recording is empty."),
    "not_audio": _("The file isn't an audio recording."),
    "damaged": _("The recording is damaged."),
    "truncated": _("The recording is cut short: its end is missing."),
    "unreadable": _("The recording may not be read."),
    "too_long": _("The recording is too long."),
    "gone": _("The recording isn't there any more."),
    "unexpected": _("The recording could not be transcribed."),
    "poison": _("This recording stopped the worker twice."),
    "timeout": _("This recording takes too long to read."),
}


def problem_message(code: str, message: str = "") -> str:
    """In the reader's language; for a code without a text of its own, the `message` that was stored with the item."""
    return str(MESSAGES.get(code) or translate_stored(message) or MESSAGES["unexpected"])


def recording_failure(code: str) -> ItemFailed:
    """The exception that fails a recording's item, to be raised."""
    return ItemFailed(problem_message(code), code=code)

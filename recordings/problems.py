"""Why a recording can't be had or read, in words, by the code that a failed item keeps."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

PROBLEMS: Final = {
    "empty": _("The recording is empty."),
    "not_audio": _("The file is no recording of sound."),
    "damaged": _("The recording is damaged."),
    "truncated": _("The recording is cut short: its end is missing."),
    "unreadable": _("The recording may not be read."),
    "too_long": _("The recording is too long."),
    "gone": _("The recording isn't there any more."),
    "unexpected": _("The recording could not be transcribed."),
    "poison": _("This recording stopped the worker twice."),
    "timeout": _("This recording takes too long to read."),
}


def problem_words(code: str, message: str = "") -> str:
    """In the reader's language; the `message` that was kept with the item where the code alone doesn't say enough."""
    return str(PROBLEMS.get(code) or message or PROBLEMS["unexpected"])

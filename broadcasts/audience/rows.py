"""Rows of an audience, as they were written, and what bounds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from runs.text import clean

MAX_COLUMNS: Final = 50
MAX_COLUMN_NAME: Final = 60  # characters


class UnreadableAudience(ValueError):
    """The audience can't be read; the message is for the person who gave it."""


@dataclass(slots=True)
class Row:
    """One line of an audience. Never changed, but not frozen either: that takes three times as long to make."""

    line: int
    phone: str  # as it was written
    variables: dict[str, str]


@dataclass
class Audience:
    """Rows, to be read once, and the names of their variables. Reading them may raise `UnreadableAudience`."""

    columns: list[str]
    rows: Iterator[Row]


def check_count(rows: int) -> None:
    """Raises `UnreadableAudience` for too many. Blank rows count too: reading them is work."""
    if rows > settings.WHATSAPP_MAX_RECIPIENTS:
        raise UnreadableAudience(
            _("More than %(count)d recipients. Split them into several broadcasts.")
            % {"count": settings.WHATSAPP_MAX_RECIPIENTS}
        )


def clean_column_name(name: str) -> str:
    return clean(name.strip(), MAX_COLUMN_NAME)

"""The part of a transcript that a search shows, with the matches marked."""

from __future__ import annotations

from typing import Final

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from ..transcription.speakers import name_speakers

# PostgreSQL puts them around a match. They are markup only after everything else is escaped.
MATCH_MARKS: Final = ("\ue000", "\ue001")


def render_snippet(snippet: str | None) -> SafeString:
    """HTML with the speakers' names and each match in `<mark>`; everything else is escaped."""
    start, stop = MATCH_MARKS
    html = escape(name_speakers(snippet or "")).replace(start, "<mark>").replace(stop, "</mark>")
    return mark_safe(html)  # noqa: S308  escaped

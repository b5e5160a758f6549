"""How a call's length and what was found in it are written."""

from __future__ import annotations

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from ..channels import name_speakers
from ..pages import MARKS

register = template.Library()


@register.filter
def clock(seconds: float | None) -> str:
    """`1:05`, `1:02:03`; a dash where it isn't known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def marked(excerpt: str | None) -> SafeString:
    """With who speaks, and with what was searched for marked; everything else is escaped."""
    start, stop = MARKS
    return mark_safe(escape(name_speakers(excerpt or "")).replace(start, "<mark>").replace(stop, "</mark>"))  # noqa: S308  escaped

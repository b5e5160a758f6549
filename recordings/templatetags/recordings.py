"""How a call's length and what was found in it are written."""

from __future__ import annotations

from django import template

from ..search.query import marked

register = template.Library()


@register.filter
def clock(seconds: float | None) -> str:
    """`1:05`, `1:02:03`; a dash where it isn't known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


register.filter(marked)

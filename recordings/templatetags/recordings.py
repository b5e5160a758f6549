"""Filters for the length of a call and for its snippet."""

from __future__ import annotations

from django import template

from ..search.snippets import render_snippet

register = template.Library()


@register.filter
def clock(seconds: float | None) -> str:
    """`1:05`, `1:02:03`; a dash if it isn't known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


register.filter("marked", render_snippet)

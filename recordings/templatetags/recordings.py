"""Filters for the length of a call and for its snippet."""

from __future__ import annotations

from django import template

from runs.durations import format_clock

from ..search.snippets import render_snippet

register = template.Library()


@register.filter
def clock(seconds: float | None) -> str:
    """A dash if it isn't known."""
    return "–" if seconds is None else format_clock(seconds)


register.filter("marked", render_snippet)

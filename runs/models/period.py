"""Periods and durations as text."""

from __future__ import annotations

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext


def format_period(first: date | None, last: date | None) -> str:
    """Both days inclusive, in the reader's format; empty for a period without ends."""
    if first and last:
        return f"{date_format(first, 'SHORT_DATE_FORMAT')} – {date_format(last, 'SHORT_DATE_FORMAT')}"
    if first:
        return gettext("from %(day)s") % {"day": date_format(first, "SHORT_DATE_FORMAT")}
    if last:
        return gettext("until %(day)s") % {"day": date_format(last, "SHORT_DATE_FORMAT")}
    return ""


def format_elapsed(seconds: float) -> str:
    """How long something took: `36 seconds`, `12 minutes`, `2 hours 5 minutes`, to the nearest second or minute."""
    if seconds < 120:
        n = max(0, round(seconds))
        return ngettext("%(n)d second", "%(n)d seconds", n) % {"n": n}
    hours, minutes = divmod(round(seconds / 60), 60)
    texts = []
    if hours:
        texts.append(ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours})
    if minutes or not hours:
        texts.append(ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes})
    return " ".join(texts)

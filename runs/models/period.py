"""Periods as text."""

from __future__ import annotations

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext


def format_period(first: date | None, last: date | None) -> str:
    """Both days inclusive, in the reader's format; empty for a period without ends."""
    if first and last:
        return f"{date_format(first, 'SHORT_DATE_FORMAT')} – {date_format(last, 'SHORT_DATE_FORMAT')}"
    if first:
        return gettext("from %(day)s") % {"day": date_format(first, "SHORT_DATE_FORMAT")}
    if last:
        return gettext("until %(day)s") % {"day": date_format(last, "SHORT_DATE_FORMAT")}
    return ""

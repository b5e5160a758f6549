"""Ages and durations as text. They come in seconds from the database's clock, never from this machine's."""

from __future__ import annotations

from math import ceil

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def format_age(seconds: float | None) -> str:
    """`12 s ago`, `5 min ago`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < MINUTE:
        return _("%(n)d s ago") % {"n": max(0, seconds)}
    if seconds < HOUR:
        return _("%(n)d min ago") % {"n": seconds // MINUTE}
    if seconds < DAY:
        return _("%(n)d h ago") % {"n": seconds // HOUR}
    n = int(seconds // DAY)
    return ngettext("%(n)d day ago", "%(n)d days ago", n) % {"n": n}


def format_duration(seconds: float) -> str:
    """`36 seconds`, `12 minutes`: rounded up, so that whoever waits so long has waited long enough."""
    if seconds <= MINUTE:
        n = max(1, ceil(seconds))
        return ngettext("%(n)d second", "%(n)d seconds", n) % {"n": n}
    if seconds <= HOUR:
        n = ceil(seconds / MINUTE)
        return ngettext("%(n)d minute", "%(n)d minutes", n) % {"n": n}
    n = ceil(seconds / HOUR)
    return ngettext("%(n)d hour", "%(n)d hours", n) % {"n": n}

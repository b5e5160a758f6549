"""Ages as text. They come in seconds from the database's clock, never from this machine's."""

from __future__ import annotations

from django.utils.translation import gettext as _

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
    return _("%(n)d days ago") % {"n": seconds // DAY}

"""Durations and ages as people read them. They come in seconds from the database's clock, never from this machine's."""

from __future__ import annotations

from math import ceil

from django.utils.translation import gettext, ngettext

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def format_elapsed(seconds: float) -> str:
    """How long something took: `36 seconds`, `12 minutes`, `2 hours 5 minutes`, to the nearest second or minute."""
    if seconds < 2 * MINUTE:
        return _seconds(max(0, round(seconds)))
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    texts = [_hours(hours)] if hours else []
    if minutes or not hours:
        texts.append(_minutes(minutes))
    return " ".join(texts)


def format_wait(seconds: float) -> str:
    """How long to wait: `36 seconds`, `12 minutes`, rounded up, so that nobody comes back too early."""
    if seconds <= MINUTE:
        return _seconds(max(1, ceil(seconds)))
    if seconds <= HOUR:
        return _minutes(ceil(seconds / MINUTE))
    return _hours(ceil(seconds / HOUR))


def format_clock(seconds: float) -> str:
    """A length or a place in one, as players write it: `1:05`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_age(seconds: float | None) -> str:
    """`12 s ago`, `5 min ago`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < MINUTE:
        return gettext("%(n)d s ago") % {"n": max(0, seconds)}
    if seconds < HOUR:
        return gettext("%(n)d min ago") % {"n": seconds // MINUTE}
    if seconds < DAY:
        return gettext("%(n)d h ago") % {"n": seconds // HOUR}
    n = int(seconds // DAY)
    return ngettext("%(n)d day ago", "%(n)d days ago", n) % {"n": n}


def _seconds(n: int) -> str:
    return ngettext("%(n)d second", "%(n)d seconds", n) % {"n": n}


def _minutes(n: int) -> str:
    return ngettext("%(n)d minute", "%(n)d minutes", n) % {"n": n}


def _hours(n: int) -> str:
    return ngettext("%(n)d hour", "%(n)d hours", n) % {"n": n}

"""Time zones by their IANA names."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.utils.timezone import get_default_timezone

MAX_NAME_LENGTH = 64
INSTALLATION_ZONE = ""  # its name, see `zone_named`


@cache
def zone_choices() -> list[tuple[str, str]]:
    """The zones that a person may choose, by name. Without the old names that have no region, such as "EST"."""
    return [(name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


def zone_named(name: str) -> tzinfo:
    """The zone, or the installation's where the name is empty, or unknown to this machine.

    A row may be newer than the machine's tz database, or written by hand.
    """
    try:
        return ZoneInfo(name) if name else get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last two: a name such as "../x", or a folder's
        return get_default_timezone()


def midnight_of(day: date, zone: tzinfo) -> datetime:
    """The day's beginning. Compare times with it: PostgreSQL, with a tz database of its own, may not know the zone."""
    return datetime.combine(day, time.min, zone)

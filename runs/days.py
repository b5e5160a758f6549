"""The days that a run may name: nearer to the ends of the calendar, time zones and margins lead out of it."""

from datetime import date
from typing import Final

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)

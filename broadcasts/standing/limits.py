"""How many recipients an account may write to within 24 hours, as Meta's API and webhooks give it."""

from __future__ import annotations

from typing import Final

from ..models import AccountStanding

UNLIMITED: Final = AccountStanding.UNLIMITED
TIERS: Final = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
    "TIER_UNLIMITED": UNLIMITED,
}


def parse_limit(value: object) -> int | None:
    """From a tier's name or a number of recipients; -1 means that there is no limit. None for anything else."""
    if isinstance(value, str) and value in TIERS:
        return TIERS[value]
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    is_number = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 10
    number = int(text) if is_number else 0
    return number if number > 0 or number == UNLIMITED else None

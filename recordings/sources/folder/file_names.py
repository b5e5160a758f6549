"""What the name of a recording's file tells, and names fit for the database and for people."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final

from runs.text import clean

from .. import Direction

MAX_ID_LENGTH: Final = 200
MAX_NUMBER_LENGTH: Final = 64

# FreePBX: kind - called number - calling number - day - time - the channel's unique ID, which begins with its second
EXCHANGE_NAME = re.compile(
    r"(?P<kind>[a-z]+)-(?P<to>[^-]*)-(?P<by>[^-]*)-(?P<day>\d{8})-(?P<time>\d{6})-(?P<epoch>\d{9,10})\.\d+",
    re.IGNORECASE | re.ASCII,
)
DIRECTIONS: Final = {
    "out": Direction.OUTBOUND,
    "in": Direction.INBOUND,
    "external": Direction.INBOUND,
    "q": Direction.INBOUND,
    "rg": Direction.INBOUND,
    "internal": Direction.INTERNAL,
    "exten": Direction.INTERNAL,
}


def parse_exchange_name(stem: str) -> dict[str, Any] | None:
    """The fields of a `ListedCall` that an exchange's file name tells; None for any other name."""
    name = EXCHANGE_NAME.fullmatch(stem)
    if name is None:
        return None
    direction = DIRECTIONS.get(name["kind"].lower(), "")
    number = name["to"] if direction == Direction.OUTBOUND else name["by"]
    return {
        "direction": direction,
        "number": printable_name(number)[:MAX_NUMBER_LENGTH],
        # Not the name's time: that is the exchange's local one, while the ID's is the same in every time zone.
        "started_at": datetime.fromtimestamp(int(name["epoch"]), UTC),
    }


def printable_name(name: str) -> str:
    """Bytes that are no text are written out, like `\\xe9`, so that two such names stay different."""
    return clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def shorten_id(name: str) -> str:
    """At most `MAX_ID_LENGTH` characters, with a digest so that two long names stay different."""
    if len(name) <= MAX_ID_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: MAX_ID_LENGTH - 17]}~{digest}"

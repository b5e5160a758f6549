"""A webhook's payload as a list of changes. Parts that don't have the shape of one are ignored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from runs.text import clean
from runs.unstorable import is_storable

MAX_ID: Final = 64  # characters, as in the accounts' table


@dataclass(frozen=True)
class Change:
    """One change of a field, for a WhatsApp Business Account or one of its phone numbers."""

    field: str
    waba_id: str
    phone_number_id: str
    time: int  # Meta's Unix time
    value: Mapping[str, Any]

    def parts(self, name: str) -> list[dict[str, Any]]:
        return dicts_in(self.value, name)


def iterate_changes(payload: Any) -> Iterator[Change]:
    for entry in dicts_in(payload, "entry"):
        for change in dicts_in(entry, "changes"):
            value = change.get("value")
            if isinstance(value, dict):
                metadata = value.get("metadata")
                number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
                yield Change(
                    field=clean(change.get("field", ""), MAX_ID),
                    waba_id=parse_id(entry.get("id")),
                    phone_number_id=parse_id(number),
                    time=parse_timestamp({"timestamp": entry["time"]} if "time" in entry else {}),
                    value=value,
                )


def dicts_in(container: Any, name: str) -> list[dict[str, Any]]:
    """The objects of the list of this name; empty where there is no such list."""
    values = container.get(name) if isinstance(container, dict) else None
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def parse_id(value: object) -> str:
    """Empty for values that can't be one of Meta's ids."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if is_storable(text) and len(text) <= MAX_ID else ""


def parse_timestamp(part: Mapping[str, Any]) -> int:
    """Meta's Unix time; the present for a time that is missing, unreadable or in the future."""
    now = int(time.time())
    with suppress(ValueError, TypeError, OverflowError):
        return max(0, min(int(part["timestamp"]), now)) if "timestamp" in part else now
    return now

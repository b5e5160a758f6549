"""What lists show of an item besides its headline: labelled values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.utils.functional import Promise
from django.utils.text import capfirst

from ..numbers import format_number

if TYPE_CHECKING:
    from .item import RunItem


@dataclass(frozen=True)
class Fact:
    """A labelled value: a text in the reader's language, or a time, which the page writes in the reader's time zone."""

    label: str | Promise
    text: str = ""
    at: datetime | None = None


def drop_empty(facts: Iterable[Fact]) -> list[Fact]:
    """Without those that have no value."""
    return [fact for fact in facts if fact.text or fact.at]


def facts_of_columns(item: RunItem) -> list[Fact]:
    """The item's public columns with their names. Bare truths are left out: a type that has some puts them in words."""
    return drop_empty(fact for fact in read_columns(item) if fact.text != item.headline())


def read_columns(item: RunItem) -> Iterator[Fact]:
    for name in item.public_fields:
        try:
            field: Any = item._meta.get_field(name)
        except FieldDoesNotExist:  # a property
            continue
        value, label = getattr(item, name), capfirst(str(field.verbose_name))
        if isinstance(value, datetime):
            yield Fact(label, at=value)
        elif field.choices:
            yield Fact(label, str(getattr(item, f"get_{name}_display")()) if value else "")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield Fact(label, format_number(value))
        elif isinstance(value, str):
            yield Fact(label, value)

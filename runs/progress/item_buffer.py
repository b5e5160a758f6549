"""Outcomes of items that the next flush writes."""

from __future__ import annotations

from typing import Any, Final

from ..models import RunItem
from ..states import ItemStatus
from ..text import ERROR_LENGTH, clean

REPORTED: Final = ("key", "status", "error_code", "error_message")


class ItemBuffer:
    """The outcome of the open item, and the rows of those that were closed since the last flush.

    An item without a report of its own is done. The report of the open item is dropped when its loop is left in the
    middle: a new attempt repeats the item.
    """

    def __init__(self, model: type[RunItem] | None) -> None:
        self._model = model
        self._open: dict[str, dict[str, Any]] = {}
        self._closed: dict[str, dict[str, Any]] = {}
        self.outcome = ItemStatus.DONE

    @property
    def has_report(self) -> bool:
        """Has the open item reported anything?"""
        return bool(self._open)

    def report(
        self,
        status: ItemStatus,
        key: object,
        message: object = "",
        code: str = "",
        fields: dict[str, Any] | None = None,
    ) -> None:
        self.outcome = status
        row = {"key": str(key), "status": status, "error_code": code, "error_message": clean(message, ERROR_LENGTH)}
        self._open[str(key)] = {**row, **(fields or {})}

    def close_item(self) -> None:
        if self._model:
            self._closed.update(self._open)
        self.drop_item()

    def drop_item(self) -> None:
        self._open, self.outcome = {}, ItemStatus.DONE

    def as_rows(self) -> list[dict[str, Any]]:
        """What the next flush writes: the same public columns for every item, so that one statement fits all rows."""
        if self._model is None:
            return []
        reported = {*REPORTED, *self._model.public_fields}
        fields = [field for field in self._model._meta.concrete_fields if field.name in reported]
        columns = [(field.name, field.get_default(), field.max_length) for field in fields]
        return [
            {name: _make_storable(row.get(name, default), limit) for name, default, limit in columns}
            for row in self._closed.values()
        ]

    def clear(self) -> None:
        """After the flush."""
        self._closed = {}


def _make_storable(value: object, limit: int | None) -> object:
    if value is None or isinstance(value, (int, float)):
        return value
    return clean(value, limit)

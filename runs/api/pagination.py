"""Cursor pages: they continue after the last row seen, so nothing is counted, and new rows cause no gap or repeat."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.fields import IntegerField
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class StrictCursorPagination(CursorPagination):
    """A wrong cursor or page size is a validation error, not a 404 or a default."""

    page_size = max_page_size = 50
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int | None:
        return self.parse_page_size(request.query_params)

    def parse_page_size(self, query: Mapping[str, str]) -> int:
        """At most `max_page_size`. Raises `ValidationError`."""
        text = query.get("page_size")
        if text is None:
            return self.page_size
        try:
            return min(int(IntegerField(min_value=1).run_validation(text)), self.max_page_size)
        except ValidationError as error:
            raise ValidationError({"page_size": error.detail}) from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == "page_size":
                parameter["schema"] = {"type": "integer", "minimum": 1}
        return parameters

    def decode_cursor(self, request: Request) -> Cursor | None:
        return self.parse_cursor(request.query_params)

    def parse_cursor(self, query: Mapping[str, str]) -> Cursor | None:
        """Reads what `encode_cursor` writes. Raises `ValidationError`."""
        text = query.get(self.cursor_query_param)
        if text is None:
            return None
        try:
            fields = parse_qs(b64decode(text.encode("ascii")).decode("ascii"), keep_blank_values=True)
            offset, reverse = int(fields.get("o", ["0"])[0]), int(fields.get("r", ["0"])[0])
            if offset < 0:
                raise ValueError("a negative offset")
            position: Any = fields.get("p", [None])[0]
            self.check_position(position)
        except ValueError as error:
            raise ValidationError({"cursor": _("Invalid cursor")}) from error
        return Cursor(offset=min(offset, self.offset_cutoff or offset), reverse=bool(reverse), position=position)

    def check_position(self, position: Any) -> None:
        """Raises `ValueError`."""
        int(position or "none")


class NewestFirst(StrictCursorPagination):
    ordering = "-id"


class OldestFirst(StrictCursorPagination):
    ordering = "id"


class EventsInOrder(StrictCursorPagination):
    """Oldest first, unless `order` is `newest`."""

    ordering = "pgh_id"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("-pgh_id",) if request.query_params.get("order") == "newest" else ("pgh_id",)

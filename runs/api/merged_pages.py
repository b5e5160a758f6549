"""Pages of a list that is merged from several querysets, for the API and, by plain query parameters, for HTML pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

from rest_framework.pagination import Cursor
from rest_framework.request import Request

from .pagination import StrictCursorPagination


class Position(Protocol):
    """The position of a row in the merged list; `parse` reads what `str` writes."""

    @classmethod
    def of(cls, row: Any) -> Self: ...

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""


class MergedPages(StrictCursorPagination):
    """Paginates a sequence of querysets by the position of the last row that the client has."""

    position_class: type[Position]

    def fetch_rows(self, sources: Any, position: Any, *, newer: bool) -> list[Any]:
        """The rows of a page after `position`, and one more row if there is one; from the start without a position."""
        raise NotImplementedError

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        return self.fetch_page(queryset, request.query_params, url=request.build_absolute_uri())

    def fetch_page(self, sources: Any, query: Mapping[str, str], *, url: str) -> list[Any]:
        """The page that the query parameters `cursor` and `page_size` name. Raises `ValidationError`.

        `get_next_link` and `get_previous_link` are then `url` with another cursor.
        """
        self.base_url = url
        self.page_size = self.parse_page_size(query)
        cursor = self.parse_cursor(query)
        position = self.position_class.parse(cursor.position) if cursor else None
        newer = bool(cursor and cursor.reverse)
        rows = self.fetch_rows(sources, position, newer=newer)
        more = len(rows) > self.page_size
        self.page = rows[: self.page_size]
        if newer:
            self.page.reverse()
        self.has_next = more if not newer else True
        self.has_previous = more if newer else position is not None
        return self.page

    def get_next_link(self) -> str | None:
        return self.link_beyond(self.page[-1], newer=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        return self.link_beyond(self.page[0], newer=True) if self.has_previous and self.page else None

    def link_beyond(self, row: Any, *, newer: bool) -> str:
        position: Any = str(self.position_class.of(row))
        return str(self.encode_cursor(Cursor(offset=0, reverse=newer, position=position)))

    def check_position(self, position: Any) -> None:
        self.position_class.parse(position)

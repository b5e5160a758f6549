"""Pages by the place of the last row seen: no offset to count through, no gap or repeat as rows are added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, Self

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import IntegerField
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from ..models import Run, RunQuerySet
from ..readers.verdict import fetch_repaired


class StrictCursorPagination(CursorPagination):
    """A cursor that isn't one of ours is the caller's mistake, and said so."""

    page_size = max_page_size = 50
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int | None:
        """More than there are on a page are cut to it. Raises `ValidationError`."""
        said = request.query_params.get("page_size")
        if said is None:
            return self.page_size
        try:
            return min(int(IntegerField(min_value=1).run_validation(said)), self.max_page_size)
        except ValidationError as error:
            raise ValidationError({"page_size": error.detail}) from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == "page_size":
                parameter["schema"] = {"type": "integer", "minimum": 1}
        return parameters

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor: Cursor | None = super().decode_cursor(request)
            if cursor is not None:
                self.check_position(cursor.position)
        except (NotFound, ValueError) as error:
            raise ValidationError({"cursor": _("Invalid cursor")}) from error
        return cursor

    def check_position(self, position: Any) -> None:
        """Raises `ValueError`."""
        int(position or "none")


class NewestFirst(StrictCursorPagination):
    ordering = "-id"


class OldestFirst(StrictCursorPagination):
    ordering = "id"


class EventsInOrder(StrictCursorPagination):
    """Oldest first, or as `order` says."""

    ordering = "pgh_id"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("-pgh_id",) if request.query_params.get("order") == "newest" else ("pgh_id",)


class Place(NamedTuple):
    """Where a run stands among the runs of all types."""

    created_at: datetime
    type: str
    id: int

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls(run.created_at, run.slug, run.pk)

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""
        created_at, slug, pk = str(position).split(" ")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise ValueError("a moment without its time zone")
        try:
            return cls(moment.astimezone(UTC), slug, int(pk))
        except OverflowError as error:
            raise ValueError("a moment before the first year or after the last") from error

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()} {self.type} {self.id}"

    def beyond(self, rows: RunQuerySet[Run], *, newer: bool) -> RunQuerySet[Run]:
        """The rows of one type on the far side of this place."""
        side = "gt" if newer else "lt"
        rows = rows.filter(**{f"created_at__{side}e": self.created_at})
        elsewhere = ~Q(created_at=self.created_at)
        slug = rows.model.slug
        if slug == self.type:
            return rows.filter(elsewhere | Q(**{f"id__{side}": self.id}))
        # Made at the same moment: types follow each other by name.
        return rows if (slug > self.type) == newer else rows.filter(elsewhere)


class Position(Protocol):
    """The place of a row in a list; its text parses to itself."""

    @classmethod
    def of(cls, row: Any) -> Self: ...

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""


class PlacedPages(StrictCursorPagination):
    """Paginates a sequence of querysets by the place of the last row seen."""

    place: type[Position]

    def nearest(self, sources: Any, place: Any, *, newer: bool) -> list[Any]:
        """A page of rows from `place` on, and one more when there is more; from the start without a place."""
        raise NotImplementedError

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.base_url = request.build_absolute_uri()
        self.page_size = self.get_page_size(request) or self.max_page_size
        cursor = self.decode_cursor(request)
        place = self.place.parse(cursor.position) if cursor else None
        newer = bool(cursor and cursor.reverse)
        rows = self.nearest(queryset, place, newer=newer)
        more = len(rows) > self.page_size
        self.page = rows[: self.page_size]
        if newer:
            self.page.reverse()
        self.has_next = more if not newer else True
        self.has_previous = more if newer else place is not None
        return self.page

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], newer=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], newer=True) if self.has_previous and self.page else None

    def _link(self, row: Any, *, newer: bool) -> str:
        position: Any = str(self.place.of(row))
        return str(self.encode_cursor(Cursor(offset=0, reverse=newer, position=position)))

    def check_position(self, position: Any) -> None:
        self.place.parse(position)


class NewestRuns(PlacedPages):
    """Merges the run types, newest first. Paginates a sequence of querysets, one a type."""

    place = Place

    def nearest(self, sources: Sequence[RunQuerySet[Run]], place: Place | None, *, newer: bool) -> list[Run]:
        runs: list[Run] = []
        for rows in sources:
            near = place.beyond(rows, newer=newer) if place else rows
            order = ("created_at", "id") if newer else ("-created_at", "-id")
            runs += fetch_repaired(near.with_ages().order_by(*order)[: self.page_size + 1])
        return sorted(runs, key=Place.of, reverse=not newer)[: self.page_size + 1]

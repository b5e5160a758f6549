"""Pages of the list of all runs, in constant time however many runs there are.

1. A page goes on after the last run of the page before it: nothing is counted, no rows are skipped.
2. Conditions that an index serves are part of that walk through the index, newest first.
3. The others are checked row by row, on at most `ROWS_READ` rows of each type. A page may therefore end early, or be
   empty: it says how far back it has looked, and the next one goes on from there.
4. What one type has beyond the point where another type's walk ended belongs to a later page: otherwise that page
   could show a run that is newer than the last one of this page.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Q
from rest_framework.pagination import Cursor

from ..api.merged_pages import MergedPages
from ..models import Run, RunQuerySet
from ..readers.run_list import RunPosition
from ..readers.verdict import fetch_repaired
from .run_search import RunSearch

ROWS_READ = 10_000
LONG_COLUMNS = ("pace", "cursor", "cursor_counts", "poison_items", "idempotency_key")


class NewestOfAll(MergedPages):
    """Merges the runs that a `RunSearch` finds."""

    page_size = 25
    position_class = RunPosition
    looked_until: RunPosition | None = None  # where the walk ended, though there may be more

    def fetch_rows(self, sources: RunSearch, position: Any, *, newer: bool) -> list[Run]:
        walks = [Walk(sources, model, position, newer=newer) for model in sources.types]
        ends = [walk.end for walk in walks if walk.end]
        nearest: Callable[..., RunPosition] = min if newer else max
        self.looked_until = nearest(ends) if ends else None
        runs = [run for walk in walks for run in walk.fetch(self.page_size + 1)]
        runs.sort(key=RunPosition.of, reverse=not newer)
        reached = [run for run in runs if not self.is_beyond_end(RunPosition.of(run), newer=newer)]
        if len(reached) > self.page_size:
            self.looked_until = None  # the next page goes on after the last run of this one
        return reached[: self.page_size + 1]

    def is_beyond_end(self, position: RunPosition, *, newer: bool) -> bool:
        if self.looked_until is None:
            return False
        return position > self.looked_until if newer else position < self.looked_until

    def get_older_link(self) -> str | None:
        if self.looked_until and not self.is_newer:
            return self.link_after(self.looked_until, newer=False)
        return self.get_next_link()

    def get_newer_link(self) -> str | None:
        if self.looked_until and self.is_newer:
            return self.link_after(self.looked_until, newer=True)
        return self.get_previous_link()

    def fetch_page(self, sources: Any, query: Any, *, url: str) -> list[Any]:
        cursor = self.parse_cursor(query)
        self.is_newer = bool(cursor and cursor.reverse)
        return super().fetch_page(sources, query, url=url)

    def link_after(self, position: RunPosition, *, newer: bool) -> str:
        text: Any = str(position)
        return str(self.encode_cursor(Cursor(offset=0, reverse=newer, position=text)))

    @property
    def looked_back_to(self) -> datetime | None:
        return self.looked_until.created_at if self.looked_until else None


class Walk:
    """Through the runs of one type, newest first or oldest first, from a position on."""

    def __init__(self, run_search: RunSearch, model: type[Run], position: RunPosition | None, *, newer: bool) -> None:
        self.search, self.newer = run_search, newer
        rows = run_search.find_by_index(model)
        rows = filter_beyond(position, rows, newer=newer) if position else rows
        self.rows = rows.order_by(*(("created_at", "id") if newer else ("-created_at", "-id")))
        self.end = self.find_end() if run_search.reads_every_row else None

    def find_end(self) -> RunPosition | None:
        """The last row that may be read; None if there are fewer."""
        last = self.rows.values_list("created_at", "pk")[ROWS_READ - 1 : ROWS_READ].first()
        return RunPosition(last[0], self.rows.model.slug, last[1]) if last else None

    def fetch(self, count: int) -> list[Run]:
        rows = self.search.narrow(self.rows)
        if self.end:  # as a range of the index: PostgreSQL could walk on beyond any other kind of limit
            rows = rows.filter(**{"created_at__lte" if self.newer else "created_at__gte": self.end.created_at})
        rows = rows.with_ages().select_related("business", "created_by").defer(*LONG_COLUMNS)
        return fetch_repaired(rows[:count])


def filter_beyond(position: RunPosition, rows: RunQuerySet[Run], *, newer: bool) -> RunQuerySet[Run]:
    """The rows of one type that are newer, or older, than this position."""
    side = "gt" if newer else "lt"
    beyond = ~Q(created_at=position.created_at) | Q(**{f"id__{side}": position.bound_of_ids(rows.model.slug)})
    return rows.filter(beyond, **{f"created_at__{side}e": position.created_at})  # this last one is for the index

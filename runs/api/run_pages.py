"""Pages of the runs of all types together, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from django.db.models import Q

from ..models import Run, RunQuerySet
from ..readers.verdict import fetch_repaired
from .merged_pages import MergedPages


class RunPosition(NamedTuple):
    """The position of a run among the runs of all types, newest first."""

    created_at: datetime
    type: str
    id: int

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls(run.created_at, run.slug, run.pk)

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""
        text, slug, pk = str(position).split(" ")
        created_at = datetime.fromisoformat(text)
        if created_at.tzinfo is None:
            raise ValueError("a time without its time zone")
        try:
            return cls(created_at.astimezone(UTC), slug, int(pk))
        except OverflowError as error:
            raise ValueError("a time before the first year or after the last") from error

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()} {self.type} {self.id}"

    def filter_beyond(self, rows: RunQuerySet[Run], *, newer: bool) -> RunQuerySet[Run]:
        """The rows of one type that are newer, or older, than this position."""
        side = "gt" if newer else "lt"
        rows = rows.filter(**{f"created_at__{side}e": self.created_at})
        other_time = ~Q(created_at=self.created_at)
        slug = rows.model.slug
        if slug == self.type:
            return rows.filter(other_time | Q(**{f"id__{side}": self.id}))
        # Runs of the same time are ordered by the names of their types.
        return rows if (slug > self.type) == newer else rows.filter(other_time)


class NewestRuns(MergedPages):
    """Merges querysets, one for each run type, newest first."""

    position_class = RunPosition

    def fetch_rows(
        self, sources: Sequence[RunQuerySet[Run]], position: RunPosition | None, *, newer: bool
    ) -> list[Run]:
        runs: list[Run] = []
        for rows in sources:
            rows_beyond = position.filter_beyond(rows, newer=newer) if position else rows
            order = ("created_at", "id") if newer else ("-created_at", "-id")
            runs += fetch_repaired(rows_beyond.with_ages().order_by(*order)[: self.page_size + 1])
        return sorted(runs, key=RunPosition.of, reverse=not newer)[: self.page_size + 1]

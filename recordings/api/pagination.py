"""Pages of a search's matches: tier by tier, each newest first, continuing after the position of the last call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from django.db import connection, transaction
from django.db.models import Q

from runs.api.merged_pages import MergedPages

from ..models import Call, CallQuerySet

UNDATED = "undated"


class MatchPosition(NamedTuple):
    """The position of a call among the matches. Calls without a date come first, as in the list of all calls."""

    tier: int
    moment: datetime | None
    id: int

    @classmethod
    def of(cls, call: Any) -> Self:
        return cls(call.tier, call.started_at, call.pk)

    @classmethod
    def parse(cls, position: Any) -> Self:
        """Raises `ValueError`."""
        tier, moment, pk = str(position).split(" ")
        return cls(int(tier), None if moment == UNDATED else parse_moment(moment), check_id(int(pk)))

    def __str__(self) -> str:
        moment = self.moment.astimezone(UTC).isoformat() if self.moment else UNDATED
        return f"{self.tier} {moment} {self.id}"

    def filter_beyond(self, rows: CallQuerySet, *, back: bool) -> CallQuerySet:
        """The calls of this tier after this position, or before it with `back`."""
        same = Q(moment=self.moment) if self.moment else Q(moment=None)
        if back:
            near = same & Q(pk__gt=self.id)
            return rows.filter(near | Q(moment__gt=self.moment) | Q(moment=None)) if self.moment else rows.filter(near)
        near = same & Q(pk__lt=self.id)
        return rows.filter(near | (Q(moment__lt=self.moment) if self.moment else Q(moment__isnull=False)))


def parse_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment before the first year or after the last") from error


def check_id(pk: int) -> int:
    if abs(pk) >= 2**63:
        raise ValueError("no row has this id")
    return pk


class MatchPages(MergedPages):
    """Paginates the tiers of `CallQuerySet.match_tiers`."""

    position_class = MatchPosition

    def fetch_rows(self, sources: Sequence[CallQuerySet], position: MatchPosition | None, *, newer: bool) -> list[Call]:
        tiers = list(enumerate(sources))
        order = ("moment", "pk") if newer else ("-moment", "-pk")
        calls: list[Call] = []
        with prefer_indexes():
            for tier, rows in reversed(tiers) if newer else tiers:
                if position and (tier > position.tier if newer else tier < position.tier):
                    continue
                near = position.filter_beyond(rows, back=newer) if position and tier == position.tier else rows
                found = near.order_by(*order)[: self.page_size + 1 - len(calls)]
                for call in found:
                    call.tier = tier  # type: ignore[attr-defined]  # for `MatchPosition.of`
                    calls.append(call)
                if len(calls) > self.page_size:
                    break
        return calls


@contextmanager
def prefer_indexes() -> Iterator[None]:
    """PostgreSQL stores transcripts outside of their rows and underestimates the cost of reading all of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield

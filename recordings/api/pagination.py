"""Pages of what a search finds: the surest first, each tier of these newest first, from the place of the last call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from django.db import connection, transaction
from django.db.models import Q

from runs.api.pagination import PlacedPages

from ..models import Call, CallQuerySet

UNDATED = "undated"


class MatchPlace(NamedTuple):
    """Where a call stands: those without a date come first, as in the list of all."""

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
        return cls(int(tier), None if moment == UNDATED else _parse_time(moment), _bounded(int(pk)))

    def __str__(self) -> str:
        moment = self.moment.astimezone(UTC).isoformat() if self.moment else UNDATED
        return f"{self.tier} {moment} {self.id}"

    def beyond(self, rows: CallQuerySet, *, back: bool) -> CallQuerySet:
        """The calls of its tier on the far side of it."""
        same = Q(moment=self.moment) if self.moment else Q(moment=None)
        if back:
            near = same & Q(pk__gt=self.id)
            return rows.filter(near | Q(moment__gt=self.moment) | Q(moment=None)) if self.moment else rows.filter(near)
        near = same & Q(pk__lt=self.id)
        return rows.filter(near | (Q(moment__lt=self.moment) if self.moment else Q(moment__isnull=False)))


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment before the first year or after the last") from error


def _bounded(pk: int) -> int:
    if abs(pk) >= 2**63:
        raise ValueError("no row has this id")
    return pk


class MatchPages(PlacedPages):
    """Paginates what `CallQuerySet.matching` answers."""

    place = MatchPlace

    def nearest(self, sources: Sequence[CallQuerySet], place: MatchPlace | None, *, newer: bool) -> list[Call]:
        tiers = list(enumerate(sources))
        calls: list[Call] = []
        with _by_index():
            for tier, rows in reversed(tiers) if newer else tiers:
                if place and (tier > place.tier if newer else tier < place.tier):
                    continue
                near = place.beyond(rows, back=newer) if place and tier == place.tier else rows
                found = near.order_by(*_order(back=newer))[: self.page_size + 1 - len(calls)]
                calls += [_placed(call, tier) for call in found]
                if len(calls) > self.page_size:
                    break
        return calls


def _order(*, back: bool) -> tuple[str, str]:
    return ("moment", "pk") if back else ("-moment", "-pk")


def _placed(call: Call, tier: int) -> Call:
    call.tier = tier  # type: ignore[attr-defined]  # for `MatchPlace.of`
    return call


@contextmanager
def _by_index() -> Iterator[None]:
    """Transcripts lie outside of their rows, which the planner doesn't count when it would rather read all of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield

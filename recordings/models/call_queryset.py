"""The questions about calls."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Self, cast

from django.contrib.postgres.search import SearchHeadline
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import JSONObject, Left
from django.utils import timezone

from runs.states import ItemStatus

from ..search.query import MARKS, WHOLE_NUMBER, Search, digits_of

if TYPE_CHECKING:
    from .call import Call  # noqa: F401  named in a string

SNIPPET = 220  # characters
SNIPPET_READS = 100_000  # of a transcript: going through hours of speech for each row takes too long


class CallQuerySet(models.QuerySet["Call"]):
    def _items_of_call(self) -> models.QuerySet[Any]:
        """The items of all runs that met the outer query's call."""
        items: Any = self.model._meta.get_field("recordings").related_model
        return cast("models.QuerySet[Any]", items.objects.filter(call=OuterRef("pk")))

    def fetched(self) -> Self:
        return self.exclude(file="")

    def shown(self) -> Self:
        """What people see: the calls whose recordings are here, and those that can't be had, with the reason."""
        failed = self._items_of_call().filter(status=ItemStatus.FAILED)
        return self.filter(~Q(file="") | Exists(failed)).with_state()

    def with_state(self) -> Self:
        """All that `transcript_state` looks at, without the transcripts themselves."""
        outcomes = self._items_of_call().filter(status__in=(ItemStatus.DONE, ItemStatus.FAILED))
        last = outcomes.order_by("-pk").values(
            outcome=JSONObject(status="status", code="error_code", message="error_message")
        )[:1]
        return self.annotate(is_wordless=Q(transcript=""), last_outcome=Subquery(last))

    def dated(self, from_date: date | None = None, to_date: date | None = None) -> Self:
        """Begun within these days, both included."""
        rows = self
        if from_date:
            rows = rows.filter(started_at__gte=_beginning(from_date))
        if to_date and to_date < date.max:
            rows = rows.filter(started_at__lt=_beginning(to_date + timedelta(days=1)))
        return rows.exclude(started_at=None) if from_date or to_date else rows

    def saying(self, words: str) -> Self:
        """With these words in their transcript, in any of their forms."""
        search = Search.parse(words)
        return self.filter(search=search.either()) if search else self.none()

    def matching(self, text: str) -> list[Self]:
        """What somebody looks for, the surest first, no call twice: by number, as it is written, in other forms.

        Each with its `moment`, to be ordered by. The planner knows of one word how many calls say it. Of several it
        doesn't, would look for calls that say them among the newest, and go through all transcripts if there are few:
        there, the moment is one that no index orders.
        """
        search, digits = Search.parse(text), digits_of(text.strip())
        ordered, unordered = F("started_at"), F("started_at") + timedelta(0)
        tiers, rows = [], self
        if digits:
            tiers.append(self.filter(_numbered(digits)).alias(moment=unordered))
            rows = self.exclude(_numbered(digits))
        if search:
            moment = ordered if search.is_one_word and not digits else unordered
            tiers.append(rows.filter(search=search.certain()).alias(moment=moment))
        if likely := search.likely():
            tiers.append(rows.filter(search=likely).alias(moment=unordered))
        return tiers

    def with_snippet(self, text: str = "") -> Self:
        """`snippet`: where the transcript says it, between `MARKS`, or else how it begins."""
        search = Search.parse(text)
        transcript = _without_marks(Left("transcript", SNIPPET_READS))
        if not search.groups:
            return self.annotate(snippet=_without_marks(Left("transcript", SNIPPET)))
        start, stop = MARKS
        headline = SearchHeadline(
            transcript,
            search.marked(),
            config=Func("language", function="recordings_config", output_field=models.TextField()),
            start_sel=start,
            stop_sel=stop,
            max_fragments=2,
            max_words=18,
            min_words=8,
        )
        return self.annotate(snippet=headline)


def _numbered(digits: str) -> Q:
    """Of calls with the number that `digits_of` has read."""
    if len(digits) < WHOLE_NUMBER:
        return Q(digits_backwards=digits[::-1])
    return Q(digits_backwards__startswith=digits[::-1])


def _beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _without_marks(text: models.Expression) -> Func:
    return Func(text, Value("".join(MARKS)), Value(""), function="translate", output_field=models.TextField())


LONG_COLUMNS = ("segments", "transcript", "search", "digits_backwards")  # not needed to go through many calls

"""Queries for calls: those that people see, and what a search finds."""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Self, cast

from django.contrib.postgres.search import SearchHeadline
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import JSONObject, Left

from runs.states import ItemStatus
from runs.time_zones import midnight_of

from ..search.numbers import MIN_SUBSCRIBER_DIGITS, parse_phone_digits
from ..search.query import Search
from ..search.snippets import MATCH_MARKS

if TYPE_CHECKING:
    from .call import Call  # noqa: F401  named in a string

SNIPPET_LENGTH = 220  # characters
SNIPPET_SCAN_LENGTH = 100_000  # of a transcript: scanning hours of speech for each row takes too long
LONG_COLUMNS = ("segments", "transcript", "search", "digits_backwards")  # for `defer` wherever many calls are read


class CallQuerySet(models.QuerySet["Call"]):
    def items_of_call(self) -> models.QuerySet[Any]:
        """The items of all runs with the outer query's call."""
        items: Any = self.model._meta.get_field("recordings").related_model
        return cast("models.QuerySet[Any]", items.objects.filter(call=OuterRef("pk")))

    def with_file(self) -> Self:
        return self.exclude(file="")

    def visible(self) -> Self:
        """The calls that people see: with a stored recording, or with a run that failed to fetch it."""
        failed = self.items_of_call().filter(status=ItemStatus.FAILED)
        return self.filter(~Q(file="") | Exists(failed)).with_state()

    def with_state(self) -> Self:
        """Annotate what `transcript_state` needs, without loading the transcripts."""
        outcomes = self.items_of_call().filter(status__in=(ItemStatus.DONE, ItemStatus.FAILED))
        last = outcomes.order_by("-pk").values(
            outcome=JSONObject(status="status", code="error_code", message="error_message")
        )[:1]
        return self.annotate(is_wordless=Q(transcript=""), last_outcome=Subquery(last))

    def within_days(self, zone: tzinfo, from_date: date | None = None, to_date: date | None = None) -> Self:
        """Calls that started within these days of the zone, both included."""
        rows = self
        if from_date:
            rows = rows.filter(started_at__gte=midnight_of(from_date, zone))
        if to_date and to_date < date.max:
            rows = rows.filter(started_at__lt=midnight_of(to_date + timedelta(days=1), zone))
        return rows.exclude(started_at=None) if from_date or to_date else rows

    def match_tiers(self, text: str) -> list[Self]:
        """The matches in tiers, the most certain first, no call twice: by number, as written, in other forms.

        Each tier has a `moment` to be ordered by. For several words PostgreSQL can't estimate the number of matches: if
        an index had the order, it would scan the newest calls for matches, all of them if matches are few. So there
        `moment` is an expression that no index orders; for one word its statistics are good.
        """
        search, digits = Search.parse(text), parse_phone_digits(text.strip())
        ordered, unordered = F("started_at"), F("started_at") + timedelta(0)
        tiers, rows = [], self
        if digits:
            tiers.append(self.filter(number_matches(digits)).alias(moment=unordered))
            rows = self.exclude(number_matches(digits))
        if search:
            moment = ordered if search.is_one_word and not digits else unordered
            tiers.append(rows.filter(search=search.certain_query()).alias(moment=moment))
        if likely := search.likely_query():
            tiers.append(rows.filter(search=likely).alias(moment=unordered))
        return tiers

    def with_snippet(self, text: str = "") -> Self:
        """Annotate `snippet`: the matching parts of the transcript with `MATCH_MARKS`, or else its beginning."""
        search = Search.parse(text)
        transcript = strip_match_marks(Left("transcript", SNIPPET_SCAN_LENGTH))
        if not search.groups:
            return self.annotate(snippet=strip_match_marks(Left("transcript", SNIPPET_LENGTH)))
        start, stop = MATCH_MARKS
        headline = SearchHeadline(
            transcript,
            search.highlight_query(),
            config=Func("language", function="recordings_config", output_field=models.TextField()),
            start_sel=start,
            stop_sel=stop,
            max_fragments=2,
            max_words=18,
            min_words=8,
        )
        return self.annotate(snippet=headline)


def number_matches(digits: str) -> Q:
    """The condition for calls with these digits, from `parse_phone_digits`, at the end of their number."""
    if len(digits) < MIN_SUBSCRIBER_DIGITS:
        return Q(digits_backwards=digits[::-1])
    return Q(digits_backwards__startswith=digits[::-1])


def strip_match_marks(text: models.Expression) -> Func:
    return Func(text, Value("".join(MATCH_MARKS)), Value(""), function="translate", output_field=models.TextField())

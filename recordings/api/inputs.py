"""What requests for recordings may contain."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from runs.api import BusinessField, DayField, choose_row
from runs.models import Business

from ..models import RecordingRun, Source
from ..search.query import MAX_SEARCH_LENGTH
from ..sources import Direction


class RunRequest(serializers.Serializer[Any]):
    """`source` may be left out where the business has one. Days and direction narrow what is fetched."""

    business = BusinessField()
    source = serializers.IntegerField(required=False, allow_null=True)  # type: ignore[assignment]  # the stubs mean a field's own
    job_type = serializers.ChoiceField(choices=RecordingRun.JobType.choices, default=RecordingRun.JobType.FULL)
    from_date = DayField(required=False, allow_null=True)
    to_date = DayField(required=False, allow_null=True)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_days(attrs)
        return {**attrs, "source": choose_source(attrs["business"], attrs.get("source"))}


def check_days(attrs: dict[str, Any]) -> None:
    """Raises `ValidationError` if the last day is before the first."""
    first, last = attrs.get("from_date"), attrs.get("to_date")
    if first and last and first > last:
        raise serializers.ValidationError({"to_date": _("The last day is before the first.")})


def choose_source(business: Business, pk: int | None) -> Source:
    """The source with this id, or the business's only one. Raises `ValidationError`."""
    return choose_row(
        Source.objects.filter(business=business),
        pk,
        "source",
        no_such=_("There is no such source."),
        which=_("Choose a source."),
        none=_("The business has no source of recordings yet."),
    )


class CallQuery(serializers.Serializer[Any]):
    """`search` looks for words in the transcripts, “in quotes” for a phrase, with a minus for what must be missing.

    Words are found in their other forms too, those as they are written first. A phone number, however it is written,
    also finds the calls with it.
    """

    business = BusinessField()
    from_date = serializers.DateField(required=False)
    to_date = serializers.DateField(required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    search = serializers.CharField(required=False, max_length=MAX_SEARCH_LENGTH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_days(attrs)
        return attrs

"""Recording runs, and the calls that they brought, over HTTP."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from runs.api.fields import BusinessField, DayField
from runs.api.inputs import chosen, parse_body, parse_query
from runs.api.outputs import ConflictSerializer, RunSerializer
from runs.api.pagination import NewestFirst, StrictCursorPagination
from runs.api.permissions import own_runs
from runs.api.ranges import ranged
from runs.api.views import ERRORS, IDEMPOTENCY_KEY, get_run_or_404, start_run
from runs.models import Business

from ..models import LONG_COLUMNS, Call, CallQuerySet, RecordingRun, Source, TranscriptState
from ..search.query import LONGEST_SEARCH, marked
from ..sources import Direction
from ..transcription.speakers import Speaker, name_speakers
from .pagination import MatchPages

RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes: `bytes=0-1023`.")


class RunRequest(serializers.Serializer[Any]):
    """`source` may be left out where the business has one. Days and direction narrow what is fetched."""

    business = BusinessField()
    source = serializers.IntegerField(required=False, allow_null=True)  # type: ignore[assignment]  # the stubs mean a field's own
    job_type = serializers.ChoiceField(choices=RecordingRun.JobType.choices, default=RecordingRun.JobType.FULL)
    from_date = DayField(required=False, allow_null=True)
    to_date = DayField(required=False, allow_null=True)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_days(attrs)
        return {**attrs, "source": _source(attrs["business"], attrs.get("source"))}


def _check_days(attrs: dict[str, Any]) -> None:
    """Raises `ValidationError`."""
    first, last = attrs.get("from_date"), attrs.get("to_date")
    if first and last and first > last:
        raise serializers.ValidationError({"to_date": _("The last day is before the first.")})


def _source(business: Business, pk: int | None) -> Source:
    """Raises `ValidationError`."""
    return chosen(
        Source.objects.filter(business=business),
        pk,
        "source",
        no_such=_("There is no such source."),
        which=_("Say which source."),
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
    search = serializers.CharField(required=False, max_length=LONGEST_SEARCH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_days(attrs)
        return attrs


class CallSerializer(serializers.ModelSerializer[Call]):
    """`media` and `transcript` are where they can be fetched, or null.

    `transcript_note` says why there are no words, or not all of them; empty where there is nothing to add.
    """

    transcript_state = serializers.ChoiceField(choices=TranscriptState.choices, read_only=True)
    transcript_note = serializers.CharField(read_only=True)
    media = serializers.SerializerMethodField()
    transcript = serializers.SerializerMethodField()

    class Meta:
        model = Call
        fields = [
            "id",
            "business_id",
            "source_id",
            "call_id",
            "direction",
            "number",
            "started_at",
            "duration",
            "size",
            "sha256",
            "content_type",
            "channels",
            "language",
            "transcribed_at",
            "transcript_state",
            "transcript_note",
            "media",
            "transcript",
        ]

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_media(self, call: Call) -> str | None:
        return self._address("api:recording-media", call) if call.file else None

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_transcript(self, call: Call) -> str | None:
        return self._address("api:recording-transcript", call) if call.transcribed_at else None

    def _address(self, name: str, call: Call) -> str:
        return reverse(name, args=[call.pk], request=self.context.get("request"))


class FoundCallSerializer(CallSerializer):
    """`snippet` is HTML: where the transcript says what was searched for, in `<mark>`. Null without a search."""

    snippet = serializers.SerializerMethodField()

    class Meta(CallSerializer.Meta):
        fields = [*CallSerializer.Meta.fields, "snippet"]

    def get_snippet(self, call: Call) -> str | None:
        snippet = getattr(call, "snippet", None)
        return None if snippet is None else str(marked(snippet))


class SegmentSerializer(serializers.Serializer[Any]):
    """Seconds from the beginning of the call; of a call in one channel nobody knows who speaks."""

    start = serializers.FloatField()
    end = serializers.FloatField()
    text = serializers.CharField(allow_blank=True)
    speaker = serializers.ChoiceField(choices=Speaker.choices, allow_blank=True, default="")


class TranscriptSerializer(serializers.ModelSerializer[Call]):
    """`text` has a line for each segment, with who says it where that is known."""

    transcript_state = serializers.ChoiceField(choices=TranscriptState.choices, read_only=True)
    transcript_note = serializers.CharField(read_only=True)
    text = serializers.SerializerMethodField()
    segments = SegmentSerializer(many=True)

    class Meta:
        model = Call
        fields = ["id", "language", "transcribed_at", "transcript_state", "transcript_note", "text", "segments"]

    def get_text(self, call: Call) -> str:
        return name_speakers(call.transcript)


class StartRun(APIView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=RunRequest,
        responses={202: RunSerializer, 409: ConflictSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start fetching call recordings, and transcribing them."""
        return start_run(request, RecordingRun, **parse_body(RunRequest, request))


class RunStatus(APIView):
    @extend_schema(responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002  named as in the URL
        """A recording run as it is now."""
        return Response(RunSerializer(get_run_or_404(own_runs(RecordingRun, request.user).filter(pk=id))).data)


class Calls(GenericAPIView[Call]):
    pagination_class: type[StrictCursorPagination] = NewestFirst
    filter_backends = ()
    serializer_class = FoundCallSerializer

    @extend_schema(parameters=[CallQuery], responses={200: FoundCallSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """The calls whose recordings are here, or can't be had (with the reason), the last listed first.

        Of a search, the surest ones come first, then the newest.
        """
        query = parse_query(CallQuery, request)
        calls: Any = _narrowed(query).defer(*LONG_COLUMNS)
        if "search" in query:
            self.pagination_class = MatchPages
            calls = calls.with_snippet(query["search"]).matching(query["search"])
        page = self.paginate_queryset(calls)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def _narrowed(query: dict[str, Any]) -> CallQuerySet:
    calls = Call.objects.shown().filter(business=query["business"])
    calls = calls.dated(query.get("from_date"), query.get("to_date"))
    return calls.filter(direction=query["direction"]) if "direction" in query else calls


def _own(request: Request) -> CallQuerySet:
    return Call.objects.fetched().filter(business__in=Business.objects.of(request.user))


class Transcript(APIView):
    @extend_schema(responses={200: TranscriptSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002  named as in the URL
        """What is said in the call, and when."""
        transcribed = _own(request).exclude(transcribed_at=None)
        return Response(TranscriptSerializer(get_object_or_404(transcribed, pk=id)).data)


class Media(APIView):
    @extend_schema(
        parameters=[RANGE],
        responses={
            (200, "audio/*"): OpenApiTypes.BINARY,
            (206, "audio/*"): OpenApiTypes.BINARY,
            416: OpenApiResponse(description="The range is beyond the end"),
            **ERRORS,
        },
    )
    def get(self, request: Request, id: int) -> HttpResponseBase:  # noqa: A002  named as in the URL
        """The recording, whole or a range of its bytes."""
        call = get_object_or_404(_own(request), pk=id)
        try:
            file = call.file.open("rb")
        except OSError as error:  # the storage lost it
            raise Http404 from error
        return ranged(
            request._request,
            file,
            content_type=call.content_type if call.is_playable else "application/octet-stream",
            filename=call.filename(),
            as_attachment=not call.is_playable or "download" in request.query_params,
        )


urlpatterns = [
    path("", Calls.as_view(), name="recordings"),
    path("<int:id>/media/", Media.as_view(), name="recording-media"),
    path("<int:id>/transcript/", Transcript.as_view(), name="recording-transcript"),
    path("runs/", StartRun.as_view(), name="recording-start"),
    path("runs/<int:id>/status/", RunStatus.as_view(), name="recording-status"),
]

"""The API of recording runs and of their calls."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import (
    ERRORS,
    IDEMPOTENCY_KEY,
    REFUSALS,
    NewestFirst,
    RunSerializer,
    get_run_or_404,
    parse_body,
    parse_query,
    serialize_run,
    start_run,
)
from runs.api.pagination import StrictCursorPagination
from runs.api.ranges import range_response
from runs.api.visits import readable_businesses

from ..models import LONG_COLUMNS, Call, CallQuerySet, RecordingRun
from .inputs import CallQuery, RunRequest
from .outputs import FoundCallSerializer, TranscriptSerializer
from .pagination import MatchPages

RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes: `bytes=0-1023`.")


class StartRun(APIView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=RunRequest,
        responses={202: RunSerializer, **REFUSALS, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start fetching call recordings, and transcribing them."""
        return start_run(request, RecordingRun, **parse_body(RunRequest, request))


class RunStatus(APIView):
    @extend_schema(responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002  named as in the URL
        """A recording run as it is now."""
        return Response(serialize_run(get_run_or_404(RecordingRun, id, request.user)))


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
        calls: Any = filter_calls(query).defer(*LONG_COLUMNS)
        if "search" in query:
            self.pagination_class = MatchPages
            calls = calls.with_snippet(query["search"]).match_tiers(query["search"])
        page = self.paginate_queryset(calls)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def filter_calls(query: dict[str, Any]) -> CallQuerySet:
    calls = Call.objects.visible().filter(business=query["business"])
    calls = calls.within_days(query["business"].zone, query.get("from_date"), query.get("to_date"))
    return calls.filter(direction=query["direction"]) if "direction" in query else calls


def stored_calls_of(request: Request) -> CallQuerySet:
    return Call.objects.with_file().filter(business__in=readable_businesses(request))


class Transcript(APIView):
    @extend_schema(responses={200: TranscriptSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002  named as in the URL
        """What is said in the call, and when."""
        transcribed = stored_calls_of(request).exclude(transcribed_at=None)
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
        call = get_object_or_404(stored_calls_of(request), pk=id)
        try:
            file = call.file.open("rb")
        except OSError as error:  # the file is missing in the storage
            raise Http404 from error
        return range_response(
            request._request,
            file,
            content_type=call.content_type if call.is_playable else "application/octet-stream",
            filename=call.download_name(),
            as_attachment=not call.is_playable or "download" in request.query_params,
        )


urlpatterns = [
    path("", Calls.as_view(), name="recordings"),
    path("<int:id>/media/", Media.as_view(), name="recording-media"),
    path("<int:id>/transcript/", Transcript.as_view(), name="recording-transcript"),
    path("runs/", StartRun.as_view(), name="recording-start"),
    path("runs/<int:id>/status/", RunStatus.as_view(), name="recording-status"),
]

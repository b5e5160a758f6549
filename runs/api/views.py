"""Runs over HTTP. Each view loads a run, checks access, calls one function and responds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NoReturn

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..exceptions import ActiveRunExists, WrongStatus
from ..lifecycle.dispatch import reopen, retry_failed
from ..models import Run
from ..models.audit import Actor
from ..readers.history import run_filter
from ..readers.verdict import verdict_of
from ..states import Action
from . import inputs, outputs
from .errors import ActionNotAllowed, AlreadyActive
from .export import csv_response
from .outputs import RunSerializer
from .pagination import EventsInOrder, OldestFirst
from .parsing import parse_query
from .permissions import get_run_type_or_404
from .run_json import Locale, serialize_run
from .run_pages import NewestRuns
from .run_responses import ERRORS, REFUSALS, get_run_or_404, run_json, user_of
from .visits import fetch_visited_run

ACTION_FUNCTIONS: dict[Action, Callable[[Run, Actor], None]] = {
    Action.CANCEL: Run.cancel,
    Action.PAUSE: Run.pause,
    Action.RESUME: partial(reopen, reason="resumed"),
    Action.RETRY: partial(reopen, reason="retried", counts_as_start=True),
}


class RunList(GenericAPIView[Run]):
    pagination_class = NewestRuns
    filter_backends = ()
    serializer_class = RunSerializer

    @extend_schema(parameters=[inputs.RunQuery], responses={200: RunSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """Runs of the caller's businesses, of every type, newest first."""
        query = parse_query(inputs.RunQuery, request)
        business = query.pop("business", None)
        is_visit = business is not None and business.is_read_only
        member = None if is_visit else user_of(request).pk
        wanted = run_filter(member=member, business=business and business.pk, **query)
        page: Any = self.paginate_queryset(wanted)  # type: ignore[arg-type]  # `NewestRuns` takes a filter
        for run in page if is_visit else ():
            run.is_read_only = True
        locale = Locale.active()
        return self.get_paginated_response([serialize_run(run, locale) for run in page])


class RunView(APIView):
    """Base of the views of one run of the caller's businesses."""

    zone_name: ClassVar[str | None] = None  # of the times in messages; None: the business's

    def get_run(self, type: str, id: int) -> Run:  # noqa: A002  named as in the URL
        """Raises `Http404`."""
        model = get_run_type_or_404(type)
        visited = fetch_visited_run(self.request, model, id)
        return visited or get_run_or_404(model, id, self.request.user)


class RunDetail(RunView):
    @extend_schema(responses={200: RunSerializer, 304: OpenApiResponse(description="Not modified"), **ERRORS})
    def get(self, request: Request, type: str, id: int) -> HttpResponseBase:  # noqa: A002
        """One run, with an ETag."""
        run = self.get_run(type, id)
        etag = etag_of(run)
        response = get_conditional_response(request._request, etag=etag) or Response(serialize_run(run))
        response.headers["ETag"] = etag
        return response


def etag_of(run: Run) -> str:
    """Weak, since responses with the same tag may differ in their ages."""
    verdict = verdict_of(run)
    message = zlib.crc32(f"{verdict.message} {verdict.evidence['place_in_queue']}".encode())
    return f'W/"{run.slug}-{run.pk}-{run.version}-{verdict.code}-{message:x}-{get_language()}"'


class RunActionView(RunView):
    action: ClassVar[Action] = Action.CANCEL

    @extend_schema(request=None, responses={200: RunSerializer, **REFUSALS, **ERRORS})
    def post(self, request: Request, type: str, id: int) -> Response:  # noqa: A002
        """Change the run or request a stop; returns the run, with 409 where its status doesn't allow this."""
        run = self.get_run(type, id)
        try:
            self.apply_action(run)
        except WrongStatus as error:
            raise ActionNotAllowed(run_json(run, self.zone_name)) from error
        except ActiveRunExists as error:
            raise AlreadyActive(run_json(error.run, self.zone_name)) from error
        return Response(run_json(run, self.zone_name))

    def apply_action(self, run: Run) -> None:
        if self.action not in run.actions():
            raise WrongStatus
        ACTION_FUNCTIONS[self.action](run, Actor.user(self.request.user))


class RetryFailed(RunView):
    @extend_schema(request=None, responses={202: RunSerializer, **REFUSALS, **ERRORS})
    def post(self, request: Request, type: str, id: int) -> Response:  # noqa: A002
        """Start a new run of the failed items only."""
        run = self.get_run(type, id)
        try:
            retry = self.retry_run(run)
        except WrongStatus as error:
            raise ActionNotAllowed(run_json(run, self.zone_name), error.reason) from error
        except ActiveRunExists as error:
            raise AlreadyActive(run_json(error.run, self.zone_name)) from error
        return Response(run_json(retry, self.zone_name), status=status.HTTP_202_ACCEPTED)

    def retry_run(self, run: Run) -> Run:
        return retry_failed(run, user_of(self.request))


class RunEvents(RunView, GenericAPIView[Any]):
    pagination_class = EventsInOrder
    filter_backends = ()
    serializer_class = outputs.EventSerializer

    @extend_schema(parameters=[inputs.EventQuery], responses={200: outputs.EventSerializer(many=True), **ERRORS})
    def get(self, request: Request, type: str, id: int) -> Response:  # noqa: A002
        """The run's timeline."""
        parse_query(inputs.EventQuery, request)
        events = self.get_run(type, id).events.all()
        page = self.paginate_queryset(events)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class RunItemList(RunView, GenericAPIView[Any]):
    pagination_class = OldestFirst
    filter_backends = ()
    serializer_class = outputs.ItemSerializer

    @extend_schema(
        parameters=[inputs.ItemQuery],
        responses={200: outputs.ItemSerializer(many=True), (200, "text/csv"): str, **ERRORS},
    )
    def get(self, request: Request, type: str, id: int) -> HttpResponseBase:  # noqa: A002
        """The run's items, a page at a time; `format=csv` gives all of them as a file."""
        run, query = self.get_run(type, id), parse_query(inputs.ItemQuery, request)
        items = self.filter_items(run, query)
        if query["format"] == "csv":
            return csv_response(items.order_by("id"), f"{run.slug}-{run.pk}.csv")
        page = self.paginate_queryset(items)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def filter_items(self, run: Run, query: dict[str, Any]) -> QuerySet[Any]:
        if run.item_model() is None:
            raise Http404
        items: QuerySet[Any] = run.items.all()  # type: ignore[attr-defined]  # the items' own foreign key
        return items.filter(status=query["status"]) if "status" in query else items


class UnknownAddress(APIView):
    """Any other URL under /api/: 404 in JSON for every method, or 401 without credentials."""

    http_method_names: list[str] = []
    schema = None

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise Http404

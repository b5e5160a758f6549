"""Functions for views that start, find or return a run, also those of the applications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ..exceptions import ActiveRunExists
from ..lifecycle.dispatch import start
from ..models import Business, Run
from ..readers.one_run import fetch_run
from . import outputs
from .errors import AlreadyActive
from .parsing import parse_idempotency_key
from .run_json import RunJSON, serialize_run

ERRORS: Mapping[int, Any] = dict.fromkeys((400, 403, 404), outputs.ErrorSerializer)
# Of a start: a run stands in the way, or the business has started as many as it may for now.
REFUSALS: Mapping[int, Any] = {409: outputs.ConflictSerializer, 429: outputs.ErrorSerializer}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Up to 200 characters; the same key returns the same run.",
)


def get_run_or_404(model: type[Run], pk: int, user: Any) -> Run:
    """The run, repaired, of one of the user's businesses: staff see those of others in the admin. Raises `Http404`."""
    run = fetch_run(model, pk, member=user.pk)
    if run is None:
        raise Http404
    return run


def user_of(request: Request) -> User:
    """The signed-in user: only for views that require one."""
    return cast("User", request.user)


def run_json(run: Run, zone_name: str | None = None) -> RunJSON:
    """The run as the database has it now, its message with times in this zone, or else in the business's.

    Raises `Http404` where it has gone.
    """
    now = fetch_run(type(run), run.pk)
    if now is None:
        raise Http404
    if zone_name is not None:
        now.zone_name = zone_name
    return serialize_run(now)


def run_response(run: Run, code: int = status.HTTP_200_OK) -> Response:
    return Response(run_json(run), status=code)


def start_run(request: Request, model: type[Run], business: Business, **fields: Any) -> Response:
    """202 with the new run, or with the one that the same Idempotency-Key started.

    Raises `AlreadyActive`, `StartQuotaReached`.
    """
    key = parse_idempotency_key(request)
    try:
        run = start(model, business, created_by=user_of(request), idempotency_key=key, **fields)
    except ActiveRunExists as error:
        raise AlreadyActive(run_json(error.run)) from error
    return run_response(run, status.HTTP_202_ACCEPTED)

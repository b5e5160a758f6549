"""What every page shares: whose business it is, that no cache keeps it, and how errors look."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from .models import Business, Run, RunQuerySet
from .verdict import Verdict, judge, tell
from .words import CARD

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
RETRY_AFTER_SECONDS = 10


def page(view: Page[P]) -> Page[P]:
    """A page that no cache keeps, and that says so when the database is away."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DATABASE_AWAY:
            logger.exception("The database is away")
            return database_away(request)

    return cast("Page[P]", never_cache(wrapper))


def members_only(view: Page[P]) -> Page[P]:
    return page(login_required(view))


@members_only
def home(request: HttpRequest) -> HttpResponse:
    """To the caller's first business."""
    first = Business.objects.of(request.user).first()
    if first is None:
        return render(request, "runs/no_business.html")
    return HttpResponseRedirect(reverse("business", args=[first.slug]))


def own_business(request: HttpRequest, slug: str) -> Business:
    """Raises `Http404` for a stranger's business just as for one that doesn't exist."""
    return get_object_or_404(Business.objects.of(request.user), slug=slug)


def frame(request: HttpRequest, business: Business) -> dict[str, Any]:
    """What the frame around a business's page needs."""
    return {
        "business": business,
        "businesses": Business.objects.of(request.user),
        "card_words": CARD,
    }


def judged(rows: RunQuerySet[Any]) -> list[tuple[Run, Verdict]]:
    """The runs as readers are told of them, each with its verdict."""
    return [(run, judge(run)) for run in tell(rows.with_ages())]


# Errors


def database_away(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    return _error(request, 503, headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return database_away(request)
    return _error(request, 500)


def _error(request: HttpRequest, status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    response = render(request, f"{status}.html", status=status)
    for name, value in (headers or {"Cache-Control": "no-store"}).items():
        response.headers[name] = value
    return response

"""Access to a business, no caching, and the context of `base.html`: for all pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page

from ..api.errors import TooManyRequests
from ..api.visits import find_business_to_visit
from ..models import Business, Run, RunQuerySet
from ..readers.verdict import Verdict, fetch_repaired, verdict_of
from .errors import too_many_requests

P = ParamSpec("P")


Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(view: Page[P]) -> Page[P]:
    """Decorates a view: its page is compressed, never cached, and replaced by an error page when throttled.

    The time zone that it activates goes with it: its thread serves other requests after it.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            with timezone.override(None):
                return view(request, *args, **kwargs)
        except TooManyRequests as error:
            return too_many_requests(request, error.wait)

    return cast("Page[P]", never_cache(gzip_page(wrapper)))


def members_only(view: Page[P]) -> Page[P]:
    return page(login_required(view))


def own_business(request: HttpRequest, slug: str) -> Business:
    """The caller's own business, or one that staff may read; its time zone becomes the active one.

    Raises `Http404` for any other.
    """
    own = Business.objects.of(request.user).filter(slug=slug).first()
    business = own or find_business_to_visit(request, slug)
    if business is None:
        raise Http404
    timezone.activate(business.zone)
    return business


def base_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    """The context of `base.html` for a business's page."""
    return {
        "business": business,
        "businesses": Business.objects.of(request.user),
    }


def with_verdicts(rows: RunQuerySet[Any]) -> list[tuple[Run, Verdict]]:
    """The runs after read-repair, each with its verdict."""
    return [(run, verdict_of(run)) for run in fetch_repaired(rows.with_ages())]

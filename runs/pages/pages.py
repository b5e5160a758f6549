"""What every page shares: whose business it is, that no cache keeps it, and how errors look."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from ..api.errors import TooManyRequests
from ..api.pagination import NewestRuns
from ..api.permissions import run_type
from ..database import is_database_away, record_outage
from ..models import Business, Run, RunItem, RunQuerySet, run_types
from ..progress.throughput import plot
from ..readers.history import runs_of
from ..readers.timeline import timeline
from ..readers.verdict import Verdict, fetch_repaired, verdict_of
from ..states import ItemStatus, Status
from .examples import examples

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

RETRY_AFTER_SECONDS = 10
RECENT_RUNS = 8
ITEMS_SHOWN = 50
TROUBLED = (ItemStatus.FAILED, ItemStatus.UNKNOWN)


def page(view: Page[P]) -> Page[P]:
    """A page that is sent compressed, that no cache keeps, and that says when it is asked for too often."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except TooManyRequests as error:
            return too_many_requests(request, error.wait)

    return cast("Page[P]", never_cache(gzip_page(wrapper)))


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
    }


# History


class HistoryFilter(forms.Form):
    type = forms.ChoiceField(label=_("Kind"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("All")), *Status.choices])
    from_date = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    to_date = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, business: Business, data: Any) -> None:
        super().__init__(data)
        known = (model for model in run_types() if model.objects.filter(business=business).exists())
        kinds = cast("forms.ChoiceField", self.fields["type"])
        kinds.choices = [("", _("All")), *((model.slug, model.type_label()) for model in known)]

    def clean_type(self) -> Any:
        return next((model for model in run_types() if model.slug == self.cleaned_data["type"]), None)


@members_only
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """All runs, newest first, a page at a time from the place of the last one seen: nothing is counted."""
    business = own_business(request, slug)
    form = HistoryFilter(business, request.GET or None)
    wanted = form.cleaned_data if form.is_valid() else {}
    pages = NewestRuns()
    try:
        runs = pages.paginate_queryset(runs_of(_only(business), **wanted), Request(request))
    except ValidationError:  # an address that was cut short
        return HttpResponseRedirect(request.path)
    context = {
        **frame(request, business),
        "form": form,
        "rows": [(run, verdict_of(run)) for run in runs],
        "newer": pages.get_previous_link(),
        "older": pages.get_next_link(),
    }
    return render(request, "runs/history.html", context)


# One run


@members_only
def run(request: HttpRequest, slug: str, type: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    model = run_type(type)
    for found in fetch_repaired(model.objects.filter(business=business, pk=id).with_ages()[:1]):
        context = {
            **frame(request, business),
            "run": found,
            "verdict": verdict_of(found),
            "timeline": timeline(found),
            "items": _items(found),
            "items_shown": ITEMS_SHOWN,
            "plot": plot(found.pace),
        }
        return render(request, "runs/run.html", context)
    raise Http404


def _items(run: Run) -> list[RunItem]:
    """The failed ones first, then the latest; the API has all of them."""
    if run.item_model() is None:
        return []
    items: QuerySet[RunItem] = run.items.all()  # type: ignore[attr-defined]  # the items' own foreign key
    first = list(items.filter(status__in=TROUBLED).order_by("status", "pk")[:ITEMS_SHOWN])
    return first + list(items.exclude(status__in=TROUBLED).order_by("-pk")[: ITEMS_SHOWN - len(first)])


# The card


@page
def card_docs(request: HttpRequest) -> HttpResponse:
    """How to use `<run-card>`, with every state it can show."""
    told = examples()
    context = {
        "examples": told,
        "told": {"examples": told, "heading": _("Receipt sync")},
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "runs/card.html", context)


# The start page


def active_runs(business: Business) -> list[tuple[Run, Verdict]]:
    """Newest first, of all types."""
    rows = [pair for source in runs_of(_only(business), active=True) for pair in with_verdicts(source)]
    return sorted(rows, key=lambda pair: pair[0].created_at, reverse=True)


def recent_runs(business: Business) -> list[tuple[Run, Verdict]]:
    """The last few of all types, newest first."""
    newest = (source.order_by("-created_at", "-id")[:RECENT_RUNS] for source in runs_of(_only(business)))
    rows = [pair for source in newest for pair in with_verdicts(source)]
    return sorted(rows, key=lambda pair: pair[0].created_at, reverse=True)[:RECENT_RUNS]


def _only(business: Business) -> QuerySet[Business]:
    return Business.objects.filter(pk=business.pk)


def with_verdicts(rows: RunQuerySet[Any]) -> list[tuple[Run, Verdict]]:
    """The runs as readers are told of them, each with its verdict."""
    return [(run, verdict_of(run)) for run in fetch_repaired(rows.with_ages())]


# Errors


class DatabaseAwayMiddleware:
    """Whatever view meets a database that is away, read-only or full, the admin's too: its answer is 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_database_away(exception):
            return None
        record_outage(exception)
        return database_away(request)


def database_away(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    return _error(request, 503, headers)


def too_many_requests(request: HttpRequest, wait: int) -> HttpResponse:
    return _error(request, 429, {"Retry-After": str(wait), "Cache-Control": "no-store"})


def locked_out(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """Axes asks for it, where a name was guessed at too often from one address."""
    answer = render(request, "registration/locked.html", status=429)
    answer.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def bad_request(request: HttpRequest, exception: Exception | None = None, *, field: str = "") -> HttpResponse:
    """`field`: the one that can't be read, where it is known."""
    return _error(request, 400, field=field)


def too_large(request: HttpRequest) -> HttpResponse:
    return _error(request, 413)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_database_away(sys.exc_info()[1]):
        return database_away(request)
    return _error(request, 500)


def _error(request: HttpRequest, status: int, headers: dict[str, str] | None = None, **context: object) -> HttpResponse:
    response = render(request, f"{status}.html", context, status=status)
    for name, value in (headers or {"Cache-Control": "no-store"}).items():
        response.headers[name] = value
    return response

"""The call recordings of a business: start a run, listen, read, search."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from runs.models import Business
from runs.pages.access import frame, members_only, own_business

from .api.pagination import MatchPages
from .models import LONG_COLUMNS, Call, CallQuerySet, RecordingRun
from .search.query import LONGEST_SEARCH
from .sources import Direction

CALLS_A_PAGE = 20


@members_only
def recordings(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**frame(request, business), **start_form(business), **_calls_context(request, business)}
    return render(request, "recordings/page.html", context)


@members_only
def updated_parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that changes as a run goes on, for its script to put in place."""
    return render(request, "recordings/found.html", _calls_context(request, own_business(request, slug)))


def start_form(business: Business) -> dict[str, Any]:
    """What `recordings/start.html` needs."""
    return {
        "business": business,
        "sources": business.recording_sources.all(),
        "job_types": reversed(RecordingRun.JobType.choices),
        "directions": Direction.choices,
    }


class SearchForm(forms.Form):
    """What isn't understood is left out of the search, and said beside its field."""

    search = forms.CharField(label=_("Words or a number"), required=False)
    direction = forms.ChoiceField(
        label=_("Direction"), required=False, choices=[("", _("All calls")), *Direction.choices]
    )
    from_date = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    to_date = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def clean_search(self) -> str:
        return str(self.cleaned_data["search"])[:LONGEST_SEARCH]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = said.get("from_date"), said.get("to_date")
        if first and last and first > last:
            self.add_error("to_date", _("The last day is before the first."))
        return said


def _calls_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    form = SearchForm(request.GET)
    form.is_valid()
    said = form.cleaned_data
    words = said.get("search", "")
    calls = Call.objects.shown().filter(business=business).defer(*LONG_COLUMNS)
    calls = calls.dated(said.get("from_date"), said.get("to_date"))
    if said.get("direction"):
        calls = calls.filter(direction=said["direction"])
    shown = _matches(request, business, calls, words) if words else _newest(request, business, calls)
    filters = [form[name] for name in ("direction", "from_date", "to_date")]
    return {"business": business, "filters": filters, "words": words, "narrowed": any(said.values()), **shown}


def _newest(request: HttpRequest, business: Business, calls: CallQuerySet) -> dict[str, Any]:
    newest = calls.with_snippet().order_by("-started_at", "-id")
    page = Paginator(newest, CALLS_A_PAGE).get_page(request.GET.get("page"))
    turn = {
        "before": _address(request, business, page=page.previous_page_number()) if page.has_previous() else None,
        "after": _address(request, business, page=page.next_page_number()) if page.has_next() else None,
    }
    return {"calls": page, "count": page.paginator.count, **turn}


def _matches(request: HttpRequest, business: Business, calls: CallQuerySet, words: str) -> dict[str, Any]:
    """Not counted: that would mean to look at every match."""
    pages = MatchPages()
    pages.page_size = pages.max_page_size = CALLS_A_PAGE
    try:
        page = pages.paginate_queryset(calls.with_snippet(words).matching(words), Request(request))
    except ValidationError:  # an address that was cut short
        request.GET = QueryDict(urlencode({"search": words}))
        return _matches(request, business, calls, words)
    pages.base_url = _address(request, business)
    return {"calls": page, "before": pages.get_previous_link(), "after": pages.get_next_link()}


def _address(request: HttpRequest, business: Business, **changed: Any) -> str:
    """Of the whole page, also where its list alone was asked for."""
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return f"{reverse('recordings', args=[business.slug])}?{query.urlencode()}"


urlpatterns = [
    path("", recordings, name="recordings"),
    path("found/", updated_parts, name="recordings-found"),
]

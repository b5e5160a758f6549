"""The pages of a business's call recordings: start a run, listen, read and search transcripts."""

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

from runs.models import Business
from runs.pages.access import base_context, members_only, own_business, with_verdicts
from runs.states import ItemStatus

from .api.pagination import MatchPages
from .models import LONG_COLUMNS, Call, CallQuerySet, Recording, RecordingRun
from .search.query import MAX_SEARCH_LENGTH
from .sources import Direction

CALLS_PER_PAGE = 20
RECENT_RUNS = 6


@members_only
def recordings(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**base_context(request, business), **start_form(business), **live_context(request, business)}
    return render(request, "recordings/page.html", context)


@members_only
def updated_parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of the page that change during a run; the page's script replaces them."""
    return render(request, "recordings/found.html", live_context(request, own_business(request, slug)))


def live_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    runs = RecordingRun.objects.filter(business=business).order_by("-created_at", "-id")
    return {**build_calls_context(request, business), "recent": with_verdicts(runs[:RECENT_RUNS])}


def start_form(business: Business) -> dict[str, Any]:
    """The context of `recordings/start.html`."""
    return {
        "business": business,
        "sources": business.recording_sources.all(),
        "job_types": reversed(RecordingRun.JobType.choices),
        "directions": Direction.choices,
    }


class SearchForm(forms.Form):
    """A field with an error is ignored by the search, and shows the error beside it."""

    search = forms.CharField(label=_("Words or a number"), required=False)
    direction = forms.ChoiceField(
        label=_("Direction"), required=False, choices=[("", _("All calls")), *Direction.choices]
    )
    run = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    from_date = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    to_date = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def clean_search(self) -> str:
        return str(self.cleaned_data["search"])[:MAX_SEARCH_LENGTH]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = cleaned.get("from_date"), cleaned.get("to_date")
        if first and last and first > last:
            self.add_error("to_date", _("The last day is before the first."))
        return cleaned


def build_calls_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    form = SearchForm(request.GET)
    form.is_valid()
    filters = form.cleaned_data
    words = filters.get("search", "")
    calls = Call.objects.visible().filter(business=business).defer(*LONG_COLUMNS)
    calls = calls.within_days(business.zone, filters.get("from_date"), filters.get("to_date"))
    if filters.get("run"):
        calls = calls.filter(pk__in=Recording.objects.filter(run=filters["run"], status=ItemStatus.DONE).values("call"))
    if filters.get("direction"):
        calls = calls.filter(direction=filters["direction"])
    page = paginate_matches(request, business, calls, words) if words else paginate_newest(request, business, calls)
    fields = [form[name] for name in ("direction", "from_date", "to_date")]
    return {
        "business": business,
        "run": filters.get("run"),
        "filters": fields,
        "words": words,
        "narrowed": any(filters.values()),
        **page,
    }


def paginate_newest(request: HttpRequest, business: Business, calls: CallQuerySet) -> dict[str, Any]:
    newest = calls.with_snippet().order_by("-started_at", "-id")
    page = Paginator(newest, CALLS_PER_PAGE).get_page(request.GET.get("page"))
    links = {
        "before": build_page_url(request, business, page=page.previous_page_number()) if page.has_previous() else None,
        "after": build_page_url(request, business, page=page.next_page_number()) if page.has_next() else None,
    }
    return {"calls": page, "count": page.paginator.count, **links}


def paginate_matches(request: HttpRequest, business: Business, calls: CallQuerySet, words: str) -> dict[str, Any]:
    """Without a count, which would have to read every match."""
    pages = MatchPages()
    pages.page_size = pages.max_page_size = CALLS_PER_PAGE
    try:
        matches = calls.with_snippet(words).match_tiers(words)
        page = pages.fetch_page(matches, request.GET, url=build_page_url(request, business))
    except ValidationError:  # an address that was cut short
        request.GET = QueryDict(urlencode({"search": words}))
        return paginate_matches(request, business, calls, words)
    return {"calls": page, "before": pages.get_previous_link(), "after": pages.get_next_link()}


def build_page_url(request: HttpRequest, business: Business, **changed: Any) -> str:
    """The address of the whole page, also if only its list is requested."""
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return f"{reverse('recordings', args=[business.slug])}?{query.urlencode()}"


urlpatterns = [
    path("", recordings, name="recordings"),
    path("found/", updated_parts, name="recordings-found"),
]

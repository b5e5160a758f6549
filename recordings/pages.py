"""The call recordings of a business: start a run, listen, read, search."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.search import SearchHeadline
from django.core.paginator import Page, Paginator
from django.db.models import F
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from runs.models import Business
from runs.pages import frame, members_only, own_business

from .models import SEARCH_CONFIG, Call, CallQuerySet, RecordingRun, search_query
from .sources import Direction

CALLS_A_PAGE = 20
EXCERPT = 220  # characters
MARKS = ("\ue000", "\ue001")  # around what was searched for; no transcript holds them, and no markup either


@members_only
def recordings(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**frame(request, business), **start_form(business), **_found(request, business)}
    return render(request, "recordings/page.html", context)


@members_only
def found(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that changes as a run goes on, for its script to put in place."""
    return render(request, "recordings/found.html", _found(request, own_business(request, slug)))


def start_form(business: Business) -> dict[str, Any]:
    """What `recordings/start.html` needs."""
    return {
        "business": business,
        "sources": business.recording_sources.all(),
        "job_types": reversed(RecordingRun.JobType.choices),
        "directions": Direction.choices,
    }


def _found(request: HttpRequest, business: Business) -> dict[str, Any]:
    words = request.GET.get("search", "").strip()[:200]
    return {"business": business, "calls": _calls(request, business, words), "words": words}


def _calls(request: HttpRequest, business: Business, words: str) -> Page[Call]:
    rows = Call.objects.shown().filter(business=business).defer("transcript", "search", "segments")
    rows = _with_excerpt(rows.saying(words) if words else rows, words)
    return Paginator(rows.order_by("-started_at", "-id"), CALLS_A_PAGE).get_page(request.GET.get("page"))


def _with_excerpt(rows: CallQuerySet, words: str) -> CallQuerySet:
    """How the transcript begins, or where it says what is searched for."""
    if not words:
        return rows.annotate(excerpt=Left("transcript", EXCERPT))
    start, stop = MARKS
    headline = SearchHeadline(
        F("transcript"),
        search_query(words),
        config=SEARCH_CONFIG,
        start_sel=start,
        stop_sel=stop,
        max_fragments=2,
        max_words=18,
        min_words=8,
    )
    return rows.annotate(excerpt=headline)


urlpatterns = [
    path("", recordings, name="recordings"),
    path("found/", found, name="recordings-found"),
]

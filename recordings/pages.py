"""The page of a business's call recordings: start a run, listen, read, search."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from runs.models import Business
from runs.pages import frame, members_only, own_business

from .models import Call, RecordingRun
from .sources import Direction

CALLS_A_PAGE = 20


@members_only
def page(request: HttpRequest, slug: str) -> HttpResponse:
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
        "sources": business.recording_sources.all(),
        "job_types": RecordingRun.JobType.choices,
        "directions": Direction.choices,
    }


def _found(request: HttpRequest, business: Business) -> dict[str, Any]:
    words = request.GET.get("search", "").replace("\0", "").strip()[:200]
    return {"business": business, "calls": _calls(request, business, words), "words": words}


def _calls(request: HttpRequest, business: Business, words: str) -> Page[Call]:
    rows = Call.objects.fetched().filter(business=business).defer("transcript", "search")
    if words:
        rows = rows.saying(words)
    return Paginator(rows.order_by("-started_at", "-id"), CALLS_A_PAGE).get_page(request.GET.get("page"))

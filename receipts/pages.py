"""The receipts of a business: start a sync, watch it, read what it found."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from runs.models import Business
from runs.pages import frame, judged, members_only, own_business

from .models import Receipt, ReceiptSyncRun

RECEIPTS_A_PAGE = 25
RECENT_RUNS = 6
Mode = ReceiptSyncRun.Mode


@members_only
def receipts(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**frame(request, business), **_found(request, business), **start_form(business)}
    return render(request, "receipts/page.html", context)


def start_form(business: Business) -> dict[str, Any]:
    """What `receipts/start.html` needs."""
    return {
        "business": business,
        "mailboxes": business.mailboxes.all(),
        "modes": [choice for choice in Mode.choices if choice[0] != Mode.SELECTED],
    }


@members_only
def found(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of the page that change as a run goes on, for its script to put in place."""
    return render(request, "receipts/found.html", _found(request, own_business(request, slug)))


def _found(request: HttpRequest, business: Business) -> dict[str, Any]:
    rows = ReceiptSyncRun.objects.filter(business=business).order_by("-created_at", "-id")
    return {
        "business": business,
        "receipts": _receipts(request, business),
        "recent": judged(rows[:RECENT_RUNS]),
    }


def _receipts(request: HttpRequest, business: Business) -> Page[Receipt]:
    rows = Receipt.objects.filter(business=business).order_by("-id")
    return Paginator(rows, RECEIPTS_A_PAGE).get_page(request.GET.get("page"))


urlpatterns = [
    path("", receipts, name="receipts"),
    path("found/", found, name="receipts-found"),
]

"""The receipts of a business: start a sync, watch it, read what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext_lazy as _

from runs.models import Business
from runs.numbers import parse_row_id
from runs.pages.access import base_context, members_only, own_business, with_verdicts

from .models import Receipt, ReceiptQuerySet, ReceiptSyncRun
from .review import pages

RECEIPTS_A_PAGE = 25
RECENT_RUNS = 6
Mode = ReceiptSyncRun.Mode
# The tabs over the list: what each is called, and which receipts it shows.
SHOWN: dict[str, tuple[Any, Callable[[ReceiptQuerySet], ReceiptQuerySet]]] = {
    "": (_("All"), ReceiptQuerySet.all),
    "review": (_("To review"), ReceiptQuerySet.to_review),
    "duplicates": (_("Duplicates"), ReceiptQuerySet.duplicates),
}


@members_only
def receipts_page(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**base_context(request, business), **receipts_context(request, business), **start_form(business)}
    return render(request, "receipts/page.html", context)


def start_form(business: Business) -> dict[str, Any]:
    """What `receipts/start.html` needs."""
    return {
        "business": business,
        "mailboxes": business.mailboxes.all(),
        "modes": [choice for choice in Mode.choices if choice[0] != Mode.SELECTED],
    }


@members_only
def updated_parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of the page that change as a run goes on, for its script to put in place."""
    return render(request, "receipts/found.html", receipts_context(request, own_business(request, slug)))


def receipts_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    runs = ReceiptSyncRun.objects.filter(business=business).order_by("-created_at", "-id")
    rows = Receipt.objects.filter(business=business).defer("message_text")
    found_by = find_chosen_run(request, runs)
    if found_by:
        rows = rows.filter(found_by=found_by)
    show = request.GET.get("show", "")
    show = show if show in SHOWN else ""
    return {
        "business": business,
        "found_by": found_by,
        "shows": [(name, label) for name, (label, _rows) in SHOWN.items()],
        "show": show,
        "to_review": rows.to_review().count(),
        "receipts": Paginator(SHOWN[show][1](rows).order_by("-id"), RECEIPTS_A_PAGE).get_page(request.GET.get("page")),
        "recent": with_verdicts(runs[:RECENT_RUNS]),
    }


def find_chosen_run(request: HttpRequest, runs: QuerySet[ReceiptSyncRun]) -> ReceiptSyncRun | None:
    """The one whose receipts alone are to be listed, None for all. Raises `Http404`."""
    chosen = request.GET.get("run", "")
    if not chosen:
        return None
    pk = parse_row_id(chosen)
    if pk is None:
        raise Http404
    return get_object_or_404(runs, pk=pk)


urlpatterns = [
    path("", receipts_page, name="receipts"),
    path("found/", updated_parts, name="receipts-found"),
    *pages.urlpatterns,
]

"""The redirect to the caller's business, and the runs that its page shows."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from ..api.now_rows import may_view_operations
from ..models import Business, Run
from ..readers.history import runs_of
from ..readers.verdict import Verdict
from .access import as_queryset, members_only, with_verdicts

RECENT_RUNS = 8


@members_only
def home_page(request: HttpRequest) -> HttpResponse:
    """Redirect staff to the operator's home, and members to their first business."""
    if may_view_operations(request.user):
        return HttpResponseRedirect(reverse("admin:index"))
    first = Business.objects.of(request.user).first()
    if first is None:
        return render(request, "runs/no_business.html")
    return HttpResponseRedirect(reverse("business", args=[first.slug]))


def active_runs(business: Business) -> list[tuple[Run, Verdict]]:
    """Newest first, of all types."""
    rows = [pair for source in runs_of(as_queryset(business), active=True) for pair in with_verdicts(source)]
    return sorted(rows, key=lambda pair: pair[0].created_at, reverse=True)


def recent_runs(business: Business) -> list[tuple[Run, Verdict]]:
    """The last few of all types, newest first."""
    newest = (source.order_by("-created_at", "-id")[:RECENT_RUNS] for source in runs_of(as_queryset(business)))
    rows = [pair for source in newest for pair in with_verdicts(source)]
    return sorted(rows, key=lambda pair: pair[0].created_at, reverse=True)[:RECENT_RUNS]

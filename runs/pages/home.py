"""The redirect to the caller's business, and the runs that its page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from ..api.permissions import may_view_operations
from ..models import Business, Run
from ..readers.history import run_filter
from ..readers.run_list import fetch_newest
from ..readers.verdict import Verdict, verdict_of
from .access import members_only

RECENT_RUNS = 8
ACTIVE_SHOWN = 100


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
    """The newest `ACTIVE_SHOWN` of all types. Each has a card, and a program may have queued any number of runs."""
    return newest_runs(business, ACTIVE_SHOWN, active=True)


def recent_runs(business: Business) -> list[tuple[Run, Verdict]]:
    """The last few of all types, newest first."""
    return newest_runs(business, RECENT_RUNS)


def newest_runs(business: Business, limit: int, **chosen: Any) -> list[tuple[Run, Verdict]]:
    wanted = run_filter(business=business.pk, **chosen)
    return [(run, verdict_of(run)) for run in fetch_newest(wanted, limit)]

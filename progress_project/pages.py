"""A business's overview: the start forms of all kinds of work, and its runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from runs.models import run_types
from runs.pages.access import base_context, members_only, own_business
from runs.pages.home import ACTIVE_SHOWN, active_runs, recent_runs
from runs.pages.registry import KINDS


def kinds(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the menu at the top of every page."""
    return {"kinds": KINDS.values()}


@members_only
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    forms = [
        (kind, render_to_string(f"{kind.name}/start.html", kind.start_form(business), request))
        for kind in KINDS.values()
    ]
    context = {
        **base_context(request, business),
        "forms": forms,
        "scripts": [f"{kind.name}/start.js" for kind in KINDS.values()],
        "types": run_types(),
        "active": active_runs(business),
        "active_shown": ACTIVE_SHOWN,
        "recent": recent_runs(business),
    }
    return render(request, "runs/home.html", context)

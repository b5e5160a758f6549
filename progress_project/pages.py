"""A business's start page, put together from what each application brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

import broadcasts.pages
import receipts.pages
import recordings.pages
from runs.models import Business, run_types
from runs.pages.access import frame, members_only, own_business
from runs.pages.home import active_runs, recent_runs


@dataclass(frozen=True)
class Kind:
    """A kind of work: its page, `<name>/start.html` with what that needs, and `<name>/start.js`."""

    name: str
    label: str | Promise
    start_form: Callable[[Business], dict[str, Any]]


KINDS = (
    Kind("receipts", _("Receipts"), receipts.pages.start_form),
    Kind("broadcasts", _("Broadcasts"), broadcasts.pages.start_form),
    Kind("recordings", _("Recordings"), recordings.pages.start_form),
)


def kinds(request: HttpRequest) -> dict[str, Any]:
    """For the menu at the top of every page."""
    return {"kinds": KINDS}


@members_only
def business(request: HttpRequest, slug: str) -> HttpResponse:
    own = own_business(request, slug)
    context = {
        **frame(request, own),
        "forms": [(kind, render_to_string(f"{kind.name}/start.html", kind.start_form(own), request)) for kind in KINDS],
        "scripts": [f"{kind.name}/start.js" for kind in KINDS],
        "types": run_types(),
        "active": active_runs(own),
        "recent": recent_runs(own),
    }
    return render(request, "runs/home.html", context)

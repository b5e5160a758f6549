"""The operator's home: the admin's index for those who may view operations. Unfold calls `show_operations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..api.now_figures import Figure, build_figures, read_standing
from ..api.now_rows import Audience, may_view_operations, render_rows
from ..models import Run, run_types
from ..readers.now import ROWS, fetch_now
from .pictures import pictures_context

# Where the parts of the installation are listed.
PARTS = {
    "sweep": "admin:runs_worker_changelist",
    "workers": "admin:runs_worker_changelist",
    "broker": "admin:runs_worker_changelist",
    "database": "readyz",
}


@dataclass(frozen=True)
class FigureLink:
    figure: Figure
    url: str


def show_operations(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    if not may_view_operations(request.user):
        return context
    figures = build_figures(read_standing())
    rows = render_rows(fetch_now(), Audience.of(request.user, get_language() or "en"))
    return {
        **context,
        **pictures_context(request),
        "title": _("Operations"),
        "operations": True,
        "figures": [FigureLink(figure, url_of(figure)) for figure in figures],
        "rows": rows.values(),
        "most_rows": ROWS,
        "all_active": list_url({"status": "active"}, next(iter(run_types()))),
    }


def url_of(figure: Figure) -> str:
    if part := PARTS.get(figure.name):
        return reverse(part)
    types = {model.slug: model for model in run_types()}
    model = types[figure.worst_type]
    return items_url(model, "unknown") or list_url({}, model) if not figure.runs else list_url(figure.runs, model)


def list_url(filters: dict[str, str], model: type[Run]) -> str:
    """The list of the runs of all types, or else of this one."""
    try:
        return f"{reverse('admin:runs_allruns_changelist')}?{urlencode(filters)}"
    except NoReverseMatch:
        own = {f"{name}__exact": value for name, value in filters.items() if value != "active"}
        return f"{changelist_url(model)}?{urlencode(own)}"


def items_url(model: type[Run], status: str) -> str:
    """The list of the type's items in this status; empty where the admin has none."""
    items = model.item_model()
    if items is None or not admin.site.is_registered(items):
        return ""
    return f"{changelist_url(items)}?{urlencode({'status__exact': status})}"


def changelist_url(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

"""The operator's home: the admin's index for those who may view operations. Unfold calls `show_operations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..api.now_figures import Figure, build_figures, read_standing
from ..api.now_rows import NowEdition, render_rows
from ..api.permissions import may_view_operations
from ..readers.now import ROWS, fetch_now
from .pictures import pictures_context
from .run_search import ANY_ACTIVE, all_runs_url

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
    rows = render_rows(fetch_now(), NowEdition.of(request.user, get_language() or "en"))
    return {
        **context,
        **pictures_context(request),
        "title": _("Operations"),
        "operations": True,
        "figures": [FigureLink(figure, url_of(figure)) for figure in figures],
        "rows": rows.values(),
        "most_rows": ROWS,
        "all_active": all_runs_url(status=ANY_ACTIVE),
    }


def url_of(figure: Figure) -> str:
    return all_runs_url(status=figure.status) if figure.status else reverse(PARTS[figure.name])

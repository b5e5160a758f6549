"""The page of one run."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from ..api.permissions import get_run_type_or_404
from ..models import Run, RunItem
from ..readers.timeline import EVENTS_SHOWN, timeline_of
from ..readers.verdict import fetch_one_repaired, verdict_of
from ..states import ItemStatus
from .access import base_context, members_only, own_business
from .throughput_plot import plot_throughput

ITEMS_SHOWN = 50
NEEDING_ATTENTION = (ItemStatus.FAILED, ItemStatus.UNKNOWN)


@members_only
def run_page(request: HttpRequest, slug: str, type: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    model = get_run_type_or_404(type)
    run = fetch_one_repaired(model.objects.filter(business=business, pk=id).with_ages())
    if run is None:
        raise Http404
    context = {
        **base_context(request, business),
        "run": run,
        "verdict": verdict_of(run),
        "timeline": timeline_of(run),
        "events_shown": EVENTS_SHOWN,
        "items": items_to_show(run),
        "items_shown": ITEMS_SHOWN,
        "plot": plot_throughput(run.pace),
    }
    return render(request, "runs/run.html", context)


def items_to_show(run: Run) -> list[RunItem]:
    """Failed and unknown items first, then the newest. The API has all of them."""
    if run.item_model() is None:
        return []
    items: QuerySet[RunItem] = run.items.all()  # type: ignore[attr-defined]  # the items' own foreign key
    first = list(items.filter(status__in=NEEDING_ATTENTION).order_by("status", "pk")[:ITEMS_SHOWN])
    return first + list(items.exclude(status__in=NEEDING_ATTENTION).order_by("-pk")[: ITEMS_SHOWN - len(first)])

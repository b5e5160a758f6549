"""One run."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from ..api.permissions import run_type
from ..models import Run, RunItem
from ..progress.throughput import plot
from ..readers.timeline import timeline
from ..readers.verdict import fetch_repaired, verdict_of
from ..states import ItemStatus
from .access import frame, members_only, own_business

ITEMS_SHOWN = 50
TROUBLED = (ItemStatus.FAILED, ItemStatus.UNKNOWN)


@members_only
def run(request: HttpRequest, slug: str, type: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    model = run_type(type)
    for found in fetch_repaired(model.objects.filter(business=business, pk=id).with_ages()[:1]):
        context = {
            **frame(request, business),
            "run": found,
            "verdict": verdict_of(found),
            "timeline": timeline(found),
            "items": _items(found),
            "items_shown": ITEMS_SHOWN,
            "plot": plot(found.pace),
        }
        return render(request, "runs/run.html", context)
    raise Http404


def _items(run: Run) -> list[RunItem]:
    """The failed ones first, then the latest; the API has all of them."""
    if run.item_model() is None:
        return []
    items: QuerySet[RunItem] = run.items.all()  # type: ignore[attr-defined]  # the items' own foreign key
    first = list(items.filter(status__in=TROUBLED).order_by("status", "pk")[:ITEMS_SHOWN])
    return first + list(items.exclude(status__in=TROUBLED).order_by("-pk")[: ITEMS_SHOWN - len(first)])

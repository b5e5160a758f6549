"""The broadcasts of a business: write one, preview it, start it, and see what became of each recipient."""

from __future__ import annotations

from typing import Any, TypeGuard

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from runs.models import Business, Run
from runs.pages.access import base_context, members_only, own_business, with_verdicts
from runs.states import ItemStatus

from ..api.requests import LANGUAGES
from ..models import ProviderAccount, Recipient, WhatsAppBroadcast
from ..standing import count_sent_lately, warnings_of

RECIPIENTS_A_PAGE = 50
RECENT_RUNS = 10
Delivery = Recipient.Delivery

# The filters of the recipients' list: name, label and condition.
FILTERS = {
    "all": (_("All"), Q()),
    "pending": (_("Waiting"), Q(status__in=[ItemStatus.PENDING, ItemStatus.IN_FLIGHT])),
    "sent": (_("Accepted"), Q(status=ItemStatus.DONE)),
    "delivered": (_("Delivered"), Q(status=ItemStatus.DONE, delivery__in=[Delivery.DELIVERED, Delivery.READ])),
    "read": (_("Read"), Q(status=ItemStatus.DONE, delivery=Delivery.READ)),
    "held": (_("Held back"), Q(status=ItemStatus.DONE, delivery__in=Recipient.HELD_BACK)),
    "unconfirmed": (_("Not confirmed"), Q(status=ItemStatus.DONE, delivery__in=Recipient.AWAITED)),  # … for long
    "failed": (_("Failed"), Q(status=ItemStatus.FAILED)),
    "unknown": (_("Unknown"), Q(status=ItemStatus.UNKNOWN)),
    "skipped": (_("Skipped"), Q(status=ItemStatus.SKIPPED)),
}

NOT_SENT = _("Not sent")  # what waits while a broadcast is active; one that has ended sends nothing more


@members_only
def show_broadcasts(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**base_context(request, business), **recipients_context(request, business), **start_form(business)}
    return render(request, "broadcasts/page.html", context)


def start_form(business: Business) -> dict[str, Any]:
    """The context of `broadcasts/start.html`."""
    accounts = list(business.whatsapp_accounts.select_related("standing"))
    return {
        "business": business,
        "accounts": accounts,
        "standings": [standing_context(account) for account in accounts if hasattr(account, "standing")],
        "languages": LANGUAGES,
    }


def standing_context(account: ProviderAccount) -> dict[str, Any]:
    return {
        "account": account,
        "standing": account.standing,
        "sent": count_sent_lately(account),
        "warnings": warnings_of(account),
    }


@members_only
def updated_parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of the page that change as a run goes on; the page's script replaces them."""
    return render(request, "broadcasts/found.html", recipients_context(request, own_business(request, slug)))


def recipients_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    """The recipients of the broadcast in the query, or of the latest. Raises `Http404`."""
    rows = WhatsAppBroadcast.objects.filter(business=business).order_by("-created_at", "-id")
    chosen = request.GET.get("run", "")
    if chosen and not is_id(chosen):
        raise Http404
    shown = with_verdicts((rows.filter(pk=int(chosen)) if chosen else rows)[:1])
    if chosen and not shown:
        raise Http404
    name = request.GET.get("state", "")
    name = name if name in FILTERS else "all"
    run = shown[0][0] if shown else None
    return {
        "business": business,
        "run": run,
        "verdict": shown[0][1] if shown else None,
        "filters": count_filters(run),
        "state": name,
        "recipients": page_of_recipients(request, run, name) if run else None,
        "retryable": run.retryable() if may_have_failed(run) else None,
        "recent": with_verdicts(rows[:RECENT_RUNS]),
    }


def may_have_failed(run: Run | None) -> TypeGuard[WhatsAppBroadcast]:
    return isinstance(run, WhatsAppBroadcast) and bool(run.failed) and not run.is_active


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def count_filters(run: Run | None) -> list[tuple[str, str | Promise, int]]:
    """Each filter with its label and count: from the run's counters, and from the rows what they don't count."""
    counts: dict[str, int] = {}
    if isinstance(run, WhatsAppBroadcast):
        counts = {name: getattr(run, name) for name in FILTERS if hasattr(run, name)}
        counts |= {"all": run.total or 0, "pending": (run.total or 0) - run.processed}
        counts |= Recipient.objects.filter(run=run).count_awaited() if run.succeeded > run.delivered else {}
    labels = {key: label for key, (label, _condition) in FILTERS.items()}
    if run and not run.is_active:
        labels["pending"] = NOT_SENT
    return [(key, label, counts.get(key, 0)) for key, label in labels.items()]


def page_of_recipients(request: HttpRequest, run: Run, name: str) -> Page[Recipient]:
    rows = Recipient.objects.filter(FILTERS[name][1], run_id=run.pk).order_by("pk")
    if name == "unconfirmed":
        rows = rows.unconfirmed()
    return Paginator(rows, RECIPIENTS_A_PAGE).get_page(request.GET.get("page"))


urlpatterns = [
    path("", show_broadcasts, name="broadcasts"),
    path("found/", updated_parts, name="broadcasts-found"),
]

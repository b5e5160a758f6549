"""The broadcasts of a business: write one, look at it, send it, and see what became of each recipient."""

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
from runs.pages.access import frame, members_only, own_business, with_verdicts
from runs.states import ItemStatus

from .api import LANGUAGES
from .models import ProviderAccount, Recipient, WhatsAppBroadcast
from .opt_out_pages import urlpatterns as opt_outs
from .standing import sent_lately, warnings_of

RECIPIENTS_A_PAGE = 50
RECENT_RUNS = 10
Delivery = Recipient.Delivery

# What the recipients can be filtered by: a name, and whom it means.
FILTERS = {
    "all": (_("Everybody"), Q()),
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


@members_only
def broadcasts(request: HttpRequest, slug: str) -> HttpResponse:
    business = own_business(request, slug)
    context = {**frame(request, business), **_recipients_context(request, business), **start_form(business)}
    return render(request, "broadcasts/page.html", context)


def start_form(business: Business) -> dict[str, Any]:
    """What `broadcasts/start.html` needs."""
    accounts = list(business.whatsapp_accounts.select_related("standing"))
    return {
        "business": business,
        "accounts": accounts,
        "standings": [_standing(account) for account in accounts if hasattr(account, "standing")],
        "languages": LANGUAGES,
    }


def _standing(account: ProviderAccount) -> dict[str, Any]:
    """What Meta says of the account, to be known before writing by it."""
    return {
        "account": account,
        "standing": account.standing,
        "sent": sent_lately(account),
        "warnings": warnings_of(account),
    }


@members_only
def updated_parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of the page that change as a run goes on, for its script to put in place."""
    return render(request, "broadcasts/found.html", _recipients_context(request, own_business(request, slug)))


def _recipients_context(request: HttpRequest, business: Business) -> dict[str, Any]:
    """The recipients of the broadcast that was asked for, or of the latest. Raises `Http404`."""
    rows = WhatsAppBroadcast.objects.filter(business=business).order_by("-created_at", "-id")
    chosen = request.GET.get("run", "")
    if chosen and not _is_id(chosen):
        raise Http404
    told = with_verdicts((rows.filter(pk=int(chosen)) if chosen else rows)[:1])
    if chosen and not told:
        raise Http404
    name = request.GET.get("state", "")
    name = name if name in FILTERS else "all"
    run = told[0][0] if told else None
    return {
        "business": business,
        "run": run,
        "chosen": chosen,
        "filters": _filters(run),
        "state": name,
        "recipients": _recipients(request, run, name) if run else None,
        "retryable": run.retryable() if _may_have_failed(run) else None,
        "recent": with_verdicts(rows[:RECENT_RUNS]),
    }


def _may_have_failed(run: Run | None) -> TypeGuard[WhatsAppBroadcast]:
    return isinstance(run, WhatsAppBroadcast) and bool(run.failed) and not run.is_active


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _filters(run: Run | None) -> list[tuple[str, str | Promise, int]]:
    """Each with its label and its count: by the run's own counters, but for what they don't hold."""
    counts: dict[str, int] = {}
    if isinstance(run, WhatsAppBroadcast):
        counts = {name: getattr(run, name) for name in FILTERS if hasattr(run, name)}
        counts |= {"all": run.total or 0, "pending": (run.total or 0) - run.processed}
        counts |= Recipient.objects.filter(run=run).count_awaited() if run.succeeded > run.delivered else {}
    return [(key, label, counts.get(key, 0)) for key, (label, _condition) in FILTERS.items()]


def _recipients(request: HttpRequest, run: Run, name: str) -> Page[Recipient]:
    rows = Recipient.objects.filter(FILTERS[name][1], run_id=run.pk).order_by("pk")
    if name == "unconfirmed":
        rows = rows.unconfirmed()
    return Paginator(rows, RECIPIENTS_A_PAGE).get_page(request.GET.get("page"))


urlpatterns = [
    path("", broadcasts, name="broadcasts"),
    path("found/", updated_parts, name="broadcasts-found"),
    *opt_outs,
]

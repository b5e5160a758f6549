"""Reads an account's standing from Meta's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from runs.text import clean

from ..models import ProviderAccount
from ..providers import ProviderError
from ..providers.meta import MetaCloud
from ..webhooks.payload import dicts_in, parse_id
from .limits import parse_limit
from .rows import note_limit, note_quality, only_digits, update_standing


def check_accounts() -> int:
    """Check every account, each on its own; return how many checks were answered."""
    accounts = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META).order_by("pk")
    return sum(check_account(account) for account in accounts.iterator())


def check_account(account: ProviderAccount) -> bool:
    """Check one account and store Meta's answer, or the problem. Did Meta answer?"""
    if account.kind != ProviderAccount.Kind.META:
        return False
    try:
        with open_for_check(account) as provider:
            number = provider.fetch_phone_number()
    except ProviderError as error:
        update_standing(account, problem=clean(error, 300), checked_at=Now())
        return False
    health = number.health_status if isinstance(number.health_status, dict) else {}
    display_number = only_digits(number.display_phone_number)
    update_standing(account, display_number=display_number, checked_at=Now(), problem="", **parse_health(health))
    note_quality(account, number.quality_rating, None)
    note_limit(account, parse_limit(number.whatsapp_business_manager_messaging_limit), None)
    for entity in dicts_in(health, "entities"):
        if entity.get("entity_type") == "WABA" and (waba_id := parse_id(entity.get("id"))):
            ProviderAccount.objects.filter(pk=account.pk).exclude(waba_id=waba_id).update(waba_id=waba_id)
    return True


def open_for_check(account: ProviderAccount) -> MetaCloud:
    return MetaCloud(
        url=settings.WHATSAPP_API_URL,
        phone_number_id=account.phone_number_id,
        token=account.token or "",
        connect_seconds=min(5.0, settings.WHATSAPP_CONNECT_SECONDS),
        answer_seconds=min(10.0, settings.WHATSAPP_ANSWER_SECONDS),
        at_once=1,
    )


def parse_health(health: Mapping[str, Any]) -> dict[str, str]:
    """Whether messages can be sent, and Meta's reasons if they can't."""
    errors = (error for entity in dicts_in(health, "entities") for error in dicts_in(entity, "errors"))
    reasons = [clean(error.get("error_description", "")) for error in errors]
    return {
        "can_send": clean(health.get("can_send_message") or "", 16),
        "can_send_reason": clean(" ".join(filter(None, reasons)), 500),
    }

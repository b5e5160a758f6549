"""Stores what webhooks report about an account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction
from django.db.models.functions import Greatest
from pywa.types.account_update import AccountUpdate

from ..models import AccountStanding, ProviderAccount
from ..webhooks.payload import Change
from .limits import parse_limit
from .restrictions import build_restriction, parse_restrictions
from .rows import get_standing, note_limit, note_quality, only_digits


def note_quality_update(accounts: Iterable[ProviderAccount], change: Change) -> None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/phone_number_quality_update"""
    at = datetime.fromtimestamp(change.time, tz=UTC)
    value = change.value
    limit = parse_limit(value.get("max_daily_conversations_per_business"))
    for account in match_number(accounts, only_digits(value.get("display_phone_number"))):
        note_limit(account, limit if limit is not None else parse_limit(value.get("current_limit")), at)
        if value.get("event") == "FLAGGED":
            note_quality(account, AccountStanding.Quality.RED, at)
        elif value.get("event") == "UNFLAGGED":
            note_quality(account, AccountStanding.Quality.UNKNOWN, at)


def note_capability_update(accounts: Iterable[ProviderAccount], change: Change) -> None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/business_capability_update"""
    at = datetime.fromtimestamp(change.time, tz=UTC)
    names = ("max_daily_conversations_per_business", "max_daily_conversation_per_phone")
    limits = (parse_limit(change.value.get(name)) for name in names)
    limit = next((limit for limit in limits if limit is not None), None)
    for account in accounts:
        note_limit(account, limit, at)


def note_account_update(accounts: Iterable[ProviderAccount], change: Change, update: AccountUpdate) -> None:
    """Replace the restrictions of the event's kind, and leave those of other kinds.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update
    """
    parsed = parse_restrictions(update.event, change.value, update.timestamp)
    if parsed is None:
        return
    kind, restrictions = parsed
    note = {"kind": kind, "at": update.timestamp.isoformat()}
    for account in accounts:
        pk = get_standing(account).pk
        with transaction.atomic():
            stored = AccountStanding.objects.select_for_update().get(pk=pk).restrictions
            if any(each.get("kind") == kind and each["at"] > note["at"] for each in stored):
                continue
            others = [each for each in stored if each.get("kind", kind) != kind]  # rows of older versions have no kind
            # An end is stored too, as a restriction without a type: an older event that comes late must not undo it.
            new = [{**each, **note} for each in restrictions or [build_restriction("", None)]]
            AccountStanding.objects.filter(pk=pk).update(
                restrictions=others + new, restrictions_at=Greatest("restrictions_at", update.timestamp)
            )


def match_number(accounts: Iterable[ProviderAccount], display_number: str) -> list[ProviderAccount]:
    """The accounts that are known to have the number, else those whose number isn't known."""
    numbers = [(account, get_standing(account).display_number) for account in accounts]
    same = [account for account, number in numbers if number and number == display_number]
    return same or [account for account, number in numbers if not number]

"""Restrictions of an account: read from webhooks, and described to its members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pywa.types.account_update import AccountUpdateEvent

from runs.text import clean

from ..webhooks.payload import dicts_in

MAX_RESTRICTIONS: Final = 20
# A violation is a warning that no event takes back; it is shown as long as the longest restriction lasts.
VIOLATION_SHOWN: Final = timedelta(days=30)
# https://developers.facebook.com/documentation/business-messaging/whatsapp/policy-enforcement
DESCRIPTIONS: Final[dict[str, str | Promise]] = {
    "RESTRICTED_BIZ_INITIATED_MESSAGING": _("The account can't start conversations: templates are refused."),
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": _("The account can't answer messages."),
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION": _("No phone numbers can be added to the account."),
    "RESTRICTED_UTILITY_TEMPLATES": _("No utility templates can be created."),
    "DISABLE": _("Meta has disabled the account."),
    "SCHEDULE_FOR_DISABLE": _("Meta will disable the account."),
    "ACCOUNT_DELETED": _("The account was deleted."),
    "ACCOUNT_VIOLATION": _("Meta says that the account has violated its policy."),
    "ACCOUNT_OFFBOARDED": _("The account was disconnected, by another device or a new registration of its number."),
    **dict.fromkeys(
        (
            "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING",
            "RESTRICTED_BUSINESS_INITIATED_CALLING",
            "RESTRICTED_USER_INITIATED_CALLING",
            "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN",
        ),
        _("Calls are restricted; messages aren't."),
    ),
}


def parse_restrictions(
    event: AccountUpdateEvent, value: Mapping[str, Any], at: datetime
) -> tuple[str, list[dict[str, str]]] | None:
    """The event's kind, and all restrictions of that kind that are in force after it; None for other events."""
    if event == AccountUpdateEvent.ACCOUNT_RESTRICTION:
        parts = dicts_in(value, "restriction_info")[:MAX_RESTRICTIONS]
        return "restriction", [
            build_restriction(each.get("restriction_type"), each.get("expiration")) for each in parts
        ]
    if event == AccountUpdateEvent.DISABLED_UPDATE:
        ban = next(iter(dicts_in({"ban": [value.get("ban_info")]}, "ban")), {})
        state = ban.get("waba_ban_state")
        return "ban", [] if state == "REINSTATE" else [build_restriction(state, None)]
    if event == AccountUpdateEvent.ACCOUNT_VIOLATION:
        return "violation", [build_restriction(event.value, int((at + VIOLATION_SHOWN).timestamp()))]
    if event in (AccountUpdateEvent.ACCOUNT_OFFBOARDED, AccountUpdateEvent.ACCOUNT_RECONNECTED):
        is_off = event == AccountUpdateEvent.ACCOUNT_OFFBOARDED
        return "connection", [build_restriction(event.value, None)] if is_off else []
    if event == AccountUpdateEvent.ACCOUNT_DELETED:
        return "deletion", [build_restriction(event.value, None)]
    return None


def build_restriction(name: object, expiration: object) -> dict[str, str]:
    return {"type": clean(name, 80) if isinstance(name, str) else "", "until": format_expiration(expiration)}


def format_expiration(time: object) -> str:
    """ISO, from Meta's Unix time or 2026-04-19T13:59:20+0000; empty for anything else, and for a time without an end.

    The year 9999 means "for ever", and is a year that other time zones don't have the end of.
    """
    try:
        if isinstance(time, str) and not time.isdecimal():
            parsed = datetime.fromisoformat(time).astimezone(UTC)
        elif isinstance(time, int | str):
            parsed = datetime.fromtimestamp(int(time), tz=UTC)
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return ""
    return parsed.isoformat() if parsed.year < MAXYEAR else ""


def is_in_force(restriction: Mapping[str, str]) -> bool:
    until = restriction.get("until", "")
    return bool(restriction["type"]) and (not until or datetime.fromisoformat(until) > localtime())


def describe_restriction(restriction: Mapping[str, str], zone: tzinfo) -> str:
    """In the reader's language, with times in this zone."""
    description = str(DESCRIPTIONS.get(restriction["type"], restriction["type"]))
    until = format_expiration(restriction.get("until"))  # again: earlier versions stored times without an end
    if not until:
        return description
    time = date_format(datetime.fromisoformat(until).astimezone(zone), "SHORT_DATETIME_FORMAT")
    return gettext("%(words)s Until %(time)s.") % {"words": description, "time": time}

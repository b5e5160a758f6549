"""What Meta says an account may do: asked of its API every hour, and told by webhooks in between.

Each part keeps the time it is of; what is older says nothing. An audience that is larger than the limit is said
before it starts and refused by nobody: the limit counts recipients without an open conversation, of all of the
portfolio's numbers together, and only Meta knows them.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pywa.types.account_update import AccountUpdate, AccountUpdateEvent

from runs.text import clean

from .models import AccountStanding, ProviderAccount, WhatsAppBroadcast
from .providers import ProviderError
from .providers.meta import MetaCloud
from .updates import Change, dicts, id_of

logger = logging.getLogger(__name__)

UNLIMITED: Final = AccountStanding.UNLIMITED
TIERS: Final = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
    "TIER_UNLIMITED": UNLIMITED,
}
MAX_RESTRICTIONS: Final = 20
# https://developers.facebook.com/documentation/business-messaging/whatsapp/policy-enforcement
RESTRICTIONS: Final[dict[str, str | Promise]] = {
    "RESTRICTED_BIZ_INITIATED_MESSAGING": _("The account may not write first: templates are refused."),
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": _("The account may not answer messages."),
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION": _("No phone numbers may be added to the account."),
    "RESTRICTED_UTILITY_TEMPLATES": _("No utility templates may be made."),
    "DISABLE": _("Meta has disabled the account."),
    "SCHEDULE_FOR_DISABLE": _("Meta is going to disable the account."),
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
VIOLATION_SHOWN: Final = timedelta(days=30)  # a warning, which nothing takes back; as long as the longest restriction

# By the API


def check_accounts() -> int:
    """Ask Meta about every account, each on its own; how many have answered."""
    accounts = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META).order_by("pk")
    return sum(check(account) for account in accounts.iterator())


def check(account: ProviderAccount) -> bool:
    """Ask Meta about one account. What it answers is kept, or why it didn't."""
    if account.kind != ProviderAccount.Kind.META:
        return False
    try:
        with _provider(account) as provider:
            number = provider.phone_number()
    except ProviderError as error:
        _write(account, problem=clean(error, 300), checked_at=Now())
        return False
    health = number.health_status if isinstance(number.health_status, dict) else {}
    _write(
        account, display_number=_digits(number.display_phone_number), checked_at=Now(), problem="", **_health(health)
    )
    _note_quality(account, number.quality_rating, None)
    _note_limit(account, limit_of(number.whatsapp_business_manager_messaging_limit), None)
    for entity in dicts(health, "entities"):
        if entity.get("entity_type") == "WABA" and (waba_id := id_of(entity.get("id"))):
            ProviderAccount.objects.filter(pk=account.pk).exclude(waba_id=waba_id).update(waba_id=waba_id)
    return True


def _provider(account: ProviderAccount) -> MetaCloud:
    return MetaCloud(
        url=settings.WHATSAPP_API_URL,
        phone_number_id=account.phone_number_id,
        token=account.token or "",
        connect_seconds=min(5.0, settings.WHATSAPP_CONNECT_SECONDS),
        answer_seconds=min(10.0, settings.WHATSAPP_ANSWER_SECONDS),
        at_once=1,
    )


def _health(health: Mapping[str, Any]) -> dict[str, str]:
    """Whether messages can be sent, and Meta's words for why not."""
    errors = (error for entity in dicts(health, "entities") for error in dicts(entity, "errors"))
    words = [clean(error.get("error_description", "")) for error in errors]
    return {
        "can_send": clean(health.get("can_send_message") or "", 16),
        "can_send_reason": clean(" ".join(filter(None, words)), 500),
    }


# By webhooks


def note_quality_update(accounts: Iterable[ProviderAccount], change: Change) -> None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/phone_number_quality_update"""
    at = datetime.fromtimestamp(change.time, tz=UTC)
    told = change.value
    limit = limit_of(told.get("max_daily_conversations_per_business"))
    for account in _with_number(accounts, _digits(told.get("display_phone_number"))):
        _note_limit(account, limit if limit is not None else limit_of(told.get("current_limit")), at)
        if told.get("event") == "FLAGGED":
            _note_quality(account, AccountStanding.Quality.RED, at)
        elif told.get("event") == "UNFLAGGED":
            _note_quality(account, AccountStanding.Quality.UNKNOWN, at)


def note_capability_update(accounts: Iterable[ProviderAccount], change: Change) -> None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/business_capability_update"""
    at = datetime.fromtimestamp(change.time, tz=UTC)
    names = ("max_daily_conversations_per_business", "max_daily_conversation_per_phone")
    limit = next((found for name in names if (found := limit_of(change.value.get(name))) is not None), None)
    for account in accounts:
        _note_limit(account, limit, at)


def note_account_update(accounts: Iterable[ProviderAccount], change: Change, update: AccountUpdate) -> None:
    """Each kind of event replaces what was known by that kind, and nothing else.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update
    """
    told = _restrictions(update.event, change.value, update.timestamp)
    if told is None:
        return
    kind, restrictions = told
    note = {"kind": kind, "at": update.timestamp.isoformat()}
    for account in accounts:
        pk = _standing(account).pk
        with transaction.atomic():
            known = AccountStanding.objects.select_for_update().get(pk=pk).restrictions
            if any(each.get("kind") == kind and each["at"] > note["at"] for each in known):
                continue
            others = [each for each in known if each.get("kind", kind) != kind]  # it didn't always have one
            # What has ended is noted too: an older event that comes late must not bring it back.
            ours = [{**each, **note} for each in restrictions or [_restriction("", None)]]
            AccountStanding.objects.filter(pk=pk).update(
                restrictions=others + ours, restrictions_at=Greatest("restrictions_at", update.timestamp)
            )


def _restrictions(
    event: AccountUpdateEvent, told: Mapping[str, Any], at: datetime
) -> tuple[str, list[dict[str, str]]] | None:
    """A kind, and all of that kind that are in force after the event; None where it is about something else."""
    if event == AccountUpdateEvent.ACCOUNT_RESTRICTION:
        parts = dicts(told, "restriction_info")[:MAX_RESTRICTIONS]
        return "restriction", [_restriction(each.get("restriction_type"), each.get("expiration")) for each in parts]
    if event == AccountUpdateEvent.DISABLED_UPDATE:
        ban = next(iter(dicts({"ban": [told.get("ban_info")]}, "ban")), {})
        state = ban.get("waba_ban_state")
        return "ban", [] if state == "REINSTATE" else [_restriction(state, None)]
    if event == AccountUpdateEvent.ACCOUNT_VIOLATION:
        return "violation", [_restriction(event.value, int((at + VIOLATION_SHOWN).timestamp()))]
    if event in (AccountUpdateEvent.ACCOUNT_OFFBOARDED, AccountUpdateEvent.ACCOUNT_RECONNECTED):
        is_off = event == AccountUpdateEvent.ACCOUNT_OFFBOARDED
        return "connection", [_restriction(event.value, None)] if is_off else []
    if event == AccountUpdateEvent.ACCOUNT_DELETED:
        return "deletion", [_restriction(event.value, None)]
    return None


def _restriction(name: object, expiration: object) -> dict[str, str]:
    return {"type": clean(name, 80) if isinstance(name, str) else "", "until": _iso(expiration)}


def _iso(time: object) -> str:
    """Meta says when a restriction ends as Unix time, or as 2026-04-19T13:59:20+0000."""
    try:
        if isinstance(time, str) and not time.isdecimal():
            return datetime.fromisoformat(time).astimezone(UTC).isoformat()
        return datetime.fromtimestamp(int(time), tz=UTC).isoformat() if isinstance(time, int | str) else ""
    except (ValueError, OverflowError, OSError):
        return ""


def limit_of(said: object) -> int | None:
    """A tier's name, or a number of recipients; -1 has no limit."""
    if isinstance(said, str) and said in TIERS:
        return TIERS[said]
    text = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    is_number = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 10
    number = int(text) if is_number else 0
    return number if number > 0 or number == UNLIMITED else None


def _digits(said: object) -> str:
    return "".join(each for each in said if each in "0123456789")[:40] if isinstance(said, str) else ""


def _with_number(accounts: Iterable[ProviderAccount], display_number: str) -> list[ProviderAccount]:
    """Those that the number is known to be of; else those of which no number is known."""
    numbers = [(account, _standing(account).display_number) for account in accounts]
    same = [account for account, number in numbers if number and number == display_number]
    return same or [account for account, number in numbers if not number]


# Keeping


def _standing(account: ProviderAccount) -> AccountStanding:
    return AccountStanding.objects.get_or_create(account=account)[0]


def _write(account: ProviderAccount, **columns: object) -> None:
    AccountStanding.objects.filter(pk=_standing(account).pk).update(**columns)


def _note_quality(account: ProviderAccount, quality: object, at: datetime | None) -> None:
    """`at`: None for now."""
    if quality in AccountStanding.Quality.values:
        rows = AccountStanding.objects.filter(pk=_standing(account).pk)
        _earlier(rows, "quality_at", at).update(quality=quality, quality_at=at or Now())


def _note_limit(account: ProviderAccount, limit: int | None, at: datetime | None) -> None:
    if limit is not None:
        rows = AccountStanding.objects.filter(pk=_standing(account).pk)
        _earlier(rows, "daily_limit_at", at).update(daily_limit=limit, daily_limit_at=at or Now())


def _earlier(
    rows: models.QuerySet[AccountStanding], column: str, at: datetime | None
) -> models.QuerySet[AccountStanding]:
    """Where nothing later is known."""
    return rows.filter(models.Q((column, None)) | models.Q((f"{column}__lte", at))) if at else rows


# Saying


def sent_lately(account: ProviderAccount) -> int:
    """Messages of the broadcasts that began within 24 hours, which is nearly what counts against the limit."""
    runs = WhatsAppBroadcast.objects.filter(account=account, started_at__gt=Now() - timedelta(hours=24))
    return int(runs.aggregate(sent=Coalesce(models.Sum("succeeded"), 0))["sent"])


def waiting_now(account: ProviderAccount, besides: int = 0) -> int:
    """Recipients whom broadcasts that have begun, or are about to, are still going to reach."""
    runs = WhatsAppBroadcast.objects.active().filter(account=account).exclude(pk=besides)
    waiting = models.F("total") - models.F("processed")
    return int(runs.aggregate(waiting=Coalesce(models.Sum(waiting), 0))["waiting"])


def warnings_of(account: ProviderAccount, recipients: int = 0, *, besides: int = 0) -> list[str]:
    """What somebody who is about to send to so many should know, in the reader's language.

    `besides`: the broadcast to these recipients, where it has been started.
    """
    standing = AccountStanding.objects.filter(account=account).first()
    if standing is None:
        return []
    warnings = [restriction_words(each) for each in standing.restrictions if is_in_force(each)]
    if standing.can_send == "BLOCKED":
        warnings.append(gettext("Meta says that this account can't send: %(why)s") % {"why": standing.can_send_reason})
    if standing.can_send == "LIMITED":
        warnings.append(gettext("Meta says that this account is limited: %(why)s") % {"why": standing.can_send_reason})
    if standing.quality == AccountStanding.Quality.RED:
        warnings.append(gettext("The account's quality is low: people block or report it. Meta may lower its limit."))
    if recipients and (words := _limit_words(account, standing, recipients, besides)):
        warnings.append(words)
    return warnings


def _limit_words(account: ProviderAccount, standing: AccountStanding, recipients: int, besides: int) -> str:
    limit = standing.daily_limit
    if limit is None or limit == UNLIMITED:
        return ""
    sent, waiting = sent_lately(account), waiting_now(account, besides)
    if recipients + sent + waiting <= limit:
        return ""
    return gettext(
        "%(count)d recipients are more than the account may write to today: %(limit)d within 24 hours,"
        " of which %(sent)d were sent already and %(waiting)d wait in other broadcasts. WhatsApp refuses the others."
    ) % {"count": recipients, "limit": limit, "sent": sent, "waiting": waiting}


def is_in_force(restriction: Mapping[str, str]) -> bool:
    until = restriction.get("until", "")
    return bool(restriction["type"]) and (not until or datetime.fromisoformat(until) > localtime())


def restriction_words(restriction: Mapping[str, str]) -> str:
    words = str(RESTRICTIONS.get(restriction["type"], restriction["type"]))
    if not restriction.get("until"):
        return words
    until = date_format(localtime(datetime.fromisoformat(restriction["until"])), "SHORT_DATETIME_FORMAT")
    return gettext("%(words)s Until %(time)s.") % {"words": words, "time": until}

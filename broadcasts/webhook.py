"""What Meta tells of messages, people, templates and accounts. In any order, and as often as it likes.

A status moves its recipient forward or not at all; the first to settle a recipient counts it, be it
the worker or the webhook. Whatever can't be read says nothing (`updates`).
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pywa.types.base_update import BaseUserUpdate
from pywa.types.message_status import MessageStatusType
from pywa.types.templates import TemplateStatus
from pywa.types.user_preferences import MarketingPreference, UserPreferenceCategory
from pywa.utils import webhook_updates_validator

from runs.lifecycle.dispatch import wake
from runs.states import ItemStatus
from runs.text import clean

from . import opt_outs, standing, updates, whatsapp_users
from .meta_errors import STOPPED
from .models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import numbers_of
from .opt_out_phrases import OptOutRequest
from .opt_outs import Person
from .updates import Change, changes

Delivery = Recipient.Delivery

ORDER: Final = list(Delivery)  # forward
_DELIVERIES: Final = {
    MessageStatusType.SENT: Delivery.SENT,
    MessageStatusType.FAILED: Delivery.FAILED,
    MessageStatusType.DELIVERED: Delivery.DELIVERED,
    MessageStatusType.READ: Delivery.READ,
    MessageStatusType.PLAYED: Delivery.READ,  # a voice message
}
_PREFERENCES: Final = {MarketingPreference.STOP: OptOutRequest.STOP, MarketingPreference.RESUME: OptOutRequest.START}


@dataclass(frozen=True)
class Status:
    """What became of one message."""

    account: ProviderAccount
    message_id: str
    tracker: str
    delivery: Delivery
    error_code: str = ""
    error_message: str = ""
    at: datetime = field(default_factory=timezone.now)
    wa_id: str = ""
    user_id: str = ""


# Whose it is


def signers(payload: Any, body: bytes, signature: str) -> list[ProviderAccount]:
    """The accounts whose app has signed the body; the payload may speak of no others.

    Those that the payload names are tried first, and all of them where it names none.
    """
    if not signature.isascii():
        return []
    accounts = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META)
    told = list(changes(payload))
    numbers = {change.phone_number_id for change in told} - {""}
    wabas = {change.waba_id for change in told if not change.phone_number_id} - {""}
    named = list(accounts.filter(models.Q(phone_number_id__in=numbers) | models.Q(waba_id__in=wabas)))
    return [
        account
        for account in named or accounts
        if account.app_secret and webhook_updates_validator(account.app_secret, body, signature)
    ]


def knows_verify_token(token: str) -> bool:
    """Is it that of one of the accounts? All are compared, whichever fits."""
    tokens = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META).values_list("verify_token", flat=True)
    known = [hmac.compare_digest(each.encode(), token.encode()) for each in tokens if each]
    return any(known)


# What it says


def take(payload: Any, accounts: Iterable[ProviderAccount]) -> None:
    """Note all that the payload tells of these accounts."""
    accounts = list(accounts)
    by_number = {account.phone_number_id: account for account in accounts}
    statuses: list[Status] = []
    users: dict[int, dict[str, str]] = defaultdict(dict)
    for change in changes(payload):
        if change.phone_number_id and (account := by_number.get(change.phone_number_id)):
            _learn_waba(account, change)
            statuses += filter(None, (_status(account, change, each) for each in change.parts("statuses")))
            users[account.business_id] |= _apply_preferences(account, change)
        elif not change.phone_number_id:
            _take_account_change([account for account in accounts if account.waba_id in _wabas(change)], change)
    stop_refused(statuses)
    move_forward(statuses)
    for status in statuses:
        users[status.account.business_id] |= _both(status.wa_id, status.user_id)
    for business, wa_ids in users.items():
        whatsapp_users.learn(business, wa_ids)


def _learn_waba(account: ProviderAccount, change: Change) -> None:
    """What is told of templates and of the account itself names no phone number."""
    if change.waba_id and change.waba_id != account.waba_id:
        ProviderAccount.objects.filter(pk=account.pk).update(waba_id=change.waba_id)
        account.waba_id = change.waba_id


def _wabas(change: Change) -> set[str]:
    """A portfolio's id may stand in the place of the account's; the account's own is beside it then."""
    info = change.value.get("waba_info")
    return {change.waba_id, updates.id_of(info.get("waba_id")) if isinstance(info, dict) else ""} - {""}


def _status(account: ProviderAccount, change: Change, said: dict[str, Any]) -> Status | None:
    update = updates.message_status(change, said)
    delivery = None if update is None else _DELIVERIES.get(update.status)
    if update is None or delivery is None:
        return None
    error = update.error
    words = ": ".join(str(part) for part in (error.message, error.details) if part) if error else ""
    return Status(
        account=account,
        message_id=clean(update.id, 200) if isinstance(update.id, str) else "",
        tracker=str(update.tracker or ""),
        delivery=delivery,
        at=update.timestamp,
        wa_id=(update.from_user.wa_id or "").lstrip("+"),
        user_id=update.from_user.bsuid or "",
        error_code=clean(error.code, 64) if error and error.code != updates.NO_CODE else "",
        error_message=clean(words),
    )


# Who wants no more


def _apply_preferences(account: ProviderAccount, change: Change) -> dict[str, str]:
    """Do what people want; the numbers of those whom Meta names by an id too."""
    users: dict[str, str] = {}
    for said in change.parts("messages"):
        if (update := updates.written(change, said)) is not None:
            wish, words = updates.request_in(update)
            users |= _apply_preference(account, update, wish, OptOut.Source.WORDS, clean(words))
    for said in change.parts("user_preferences"):
        preference = updates.marketing_preference(change, said)
        # (pywa's preference is false in itself where it is to stop.)
        if preference is not None and preference.category == UserPreferenceCategory.MARKETING_MESSAGES:
            users |= _apply_preference(
                account, preference, _PREFERENCES.get(preference.value), OptOut.Source.PREFERENCES
            )
    return users


def _apply_preference(
    account: ProviderAccount, update: BaseUserUpdate, wish: OptOutRequest | None, source: OptOut.Source, words: str = ""
) -> dict[str, str]:
    wa_id, user_id = (update.from_user.wa_id or "").lstrip("+"), update.from_user.bsuid or ""
    if wish:
        whatsapp_users.heed(account.business_id, wa_id, user_id, wish, source, update.timestamp, words)
    return _both(wa_id, user_id)


def _both(wa_id: str, user_id: str) -> dict[str, str]:
    return {user_id: wa_id} if user_id and numbers_of(wa_id) else {}


def stop_refused(statuses: Iterable[Status]) -> None:
    """Whoever Meta says has stopped marketing is on the list before anything else is written.

    Whatever has written to them: the account may be used by others than this program.
    """
    refused = [status for status in statuses if status.error_code == STOPPED]
    for status in refused:
        told = (OptOutRequest.STOP, OptOut.Source.REFUSED, status.at)
        whatsapp_users.heed(status.account.business_id, status.wa_id, status.user_id, *told)
    for recipient, status in _meant(refused, _recipients_of(refused)) if refused else ():
        opt_outs.stop(Person(status.account.business_id, recipient.phone), OptOut.Source.REFUSED, status.at)


# Templates and accounts


def _take_account_change(accounts: list[ProviderAccount], change: Change) -> None:
    if not accounts:
        return
    if change.field == "message_template_status_update":
        _note_template(accounts, change)
    elif change.field == "phone_number_quality_update":
        standing.note_quality_update(accounts, change)
    elif change.field == "business_capability_update":
        standing.note_capability_update(accounts, change)
    elif change.field == "account_update" and (update := updates.account_update(change)) is not None:
        standing.note_account_update(accounts, change, update)


def _note_template(accounts: list[ProviderAccount], change: Change) -> None:
    """Whatever has happened to a template, but a pause: broadcasts that wait for it try their next message.

    Meta's answer to that is the truth of that moment, so neither order nor repetition matters here.
    """
    update = updates.template_status(change)
    if update is None or update.new_status == TemplateStatus.PAUSED:
        return
    name, language = clean(update.template_name), update.template_language.value
    with transaction.atomic():
        wake(WhatsAppBroadcast.objects.filter(account__in=accounts, template=name, language=language))


# What became of messages


def move_forward(statuses: Iterable[Status]) -> None:
    """Move each status's recipient forward, and count what that changes, in one short transaction."""
    statuses = list(statuses)
    if not statuses:
        return
    with transaction.atomic():
        counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for recipient, status in _match_statuses(statuses):
            for counter, change in _moved(recipient, status).items():
                counts[recipient.run_id][counter] += change
        for run_id, added in sorted(counts.items()):
            changed = {name: models.F(name) + change for name, change in added.items() if change}
            WhatsAppBroadcast.objects.filter(pk=run_id).update(**changed, version=models.F("version") + 1)


def _match_statuses(statuses: list[Status]) -> Iterator[tuple[Recipient, Status]]:
    """Each status with its recipient, locked with its run."""
    rows = _recipients_of(statuses)
    # A row may be locked that belongs to another account with the same ids; it isn't touched.
    runs = WhatsAppBroadcast.objects.filter(pk__in=list(rows.values_list("run", flat=True))).locked()
    locked = rows.filter(run__in=list(runs.values_list("pk", flat=True))).order_by("pk")
    return _meant(statuses, locked.select_for_update(of=("self",), no_key=True))


def _recipients_of(statuses: list[Status]) -> models.QuerySet[Recipient]:
    by_pk = models.Q(pk__in=[pk for status in statuses if (pk := Recipient.of_tracker(status.tracker))])
    by_message = models.Q(message_id__in=[status.message_id for status in statuses if status.message_id])
    return Recipient.objects.filter(by_pk | (by_message & ~models.Q(message_id=""))).select_related("run")


def _meant(statuses: list[Status], rows: models.QuerySet[Recipient]) -> Iterator[tuple[Recipient, Status]]:
    """Each status with its recipient, by our own tracker or by the message's id; unknown ones are left out."""
    by_pk = {recipient.pk: recipient for recipient in rows}
    by_message: dict[str, list[Recipient]] = defaultdict(list)
    for recipient in by_pk.values():
        by_message[recipient.message_id].append(recipient)
    for status in statuses:
        known = Recipient.of_tracker(status.tracker)
        candidates = [by_pk[known]] if known in by_pk else by_message[status.message_id] if known is None else []
        for recipient in candidates:
            if recipient.run.account_id == status.account.pk:
                yield recipient, status


def _moved(recipient: Recipient, status: Status) -> dict[str, int]:
    """Move the recipient if the status is news; what that adds to the run's counters."""
    if ORDER.index(status.delivery) <= ORDER.index(Delivery(recipient.delivery)):
        return {}
    if recipient.status == ItemStatus.SKIPPED:
        return {}
    before = _counted(recipient)
    recipient.delivery = status.delivery
    recipient.message_id = recipient.message_id or status.message_id
    recipient.answered_at = Now()
    if status.delivery == Delivery.FAILED:
        recipient.status = ItemStatus.FAILED
        recipient.error_code = status.error_code or "not_delivered"
        recipient.error_message = status.error_message
    else:
        recipient.status, recipient.error_code, recipient.error_message = ItemStatus.DONE, "", ""
    recipient.save(update_fields=["status", "delivery", "message_id", "answered_at", "error_code", "error_message"])
    after = _counted(recipient)
    return {name: after[name] - before[name] for name in after}


def _counted(recipient: Recipient) -> dict[str, int]:
    """The recipient's part in its run's counters."""
    return {
        "processed": recipient.status not in (ItemStatus.PENDING, ItemStatus.IN_FLIGHT),
        "succeeded": recipient.status == ItemStatus.DONE,
        "failed": recipient.status == ItemStatus.FAILED,
        "delivered": recipient.delivery in (Delivery.DELIVERED, Delivery.READ),
        "read": recipient.delivery == Delivery.READ,
    }

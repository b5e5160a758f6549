"""What Meta tells of messages later, and what people answer. In any order, and as often as it likes.

A status moves its recipient forward or not at all; the first to settle a recipient counts it, be it
the worker or the webhook.
"""

from __future__ import annotations

import hmac
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import models, transaction
from pywa.utils import webhook_updates_validator

from runs.progress import clean
from runs.states import ItemStatus
from runs.unstorable import is_storable

from .audience import skip
from .models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import e164

Delivery = Recipient.Delivery

# The whole of a message, whatever its case and punctuation.
OPT_OUT_WORDS: Final = frozenset(
    {"stop", "stopall", "stop all", "unsubscribe", "cancel", "opt out", "optout", "remove me"}
    | {"הסר", "הסירו", "הסר אותי", "הסירו אותי", "להסיר", "עצור", "עצרו", "די"}
)
ORDER: Final = list(Delivery)  # forward
MAX_NUMBER_ID: Final = 64  # characters, as in the accounts' table


@dataclass(frozen=True)
class Status:
    """What became of one message."""

    account: ProviderAccount
    message_id: str
    tracker: str
    delivery: Delivery
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True)
class Reply:
    """What somebody has written to an account."""

    account: ProviderAccount
    phone: str
    text: str

    @property
    def opts_out(self) -> bool:
        words = re.sub(r"[^\w\s]+", " ", self.text).split()
        return " ".join(words).casefold() in OPT_OUT_WORDS


# Whose it is


def signers(payload: Any, body: bytes, signature: str) -> list[ProviderAccount]:
    """The accounts whose app has signed the body; the payload may speak of no others.

    Those that the payload names are tried first, and all of them where it names none.
    """
    if not signature.isascii():
        return []
    accounts = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META)
    numbers = {number for number, _value in _changes(payload)} - {""}
    named = list(accounts.filter(phone_number_id__in=numbers))
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


def _changes(payload: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The parts about messages, each with the phone number id it is about. Whatever else comes is passed over."""
    for entry in _dicts(payload, "entry"):
        for change in _dicts(entry, "changes"):
            value = change.get("value")
            if isinstance(value, dict) and isinstance(value.get("metadata"), dict):
                yield _number_id(value["metadata"].get("phone_number_id")), value


def _number_id(said: object) -> str:
    """Empty for whatever can't be an account's."""
    number = str(said) if isinstance(said, str | int) else ""
    return number if is_storable(number) and len(number) <= MAX_NUMBER_ID else ""


def _dicts(holder: Any, name: str) -> list[dict[str, Any]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def take(payload: Any, accounts: Iterable[ProviderAccount]) -> None:
    """Note all that the payload tells of these accounts."""
    by_number = {account.phone_number_id: account for account in accounts}
    statuses: list[Status] = []
    for number, value in _changes(payload):
        if number and (account := by_number.get(number)):
            statuses += filter(None, (_status(account, each) for each in _dicts(value, "statuses")))
            for reply in (_reply(account, each) for each in _dicts(value, "messages")):
                if reply.opts_out:
                    opt_out(reply)
    move_forward(statuses)


def _status(account: ProviderAccount, said: Mapping[str, Any]) -> Status | None:
    name = said.get("status")
    delivery = Delivery.READ if name == "played" else name  # of a voice message
    if delivery not in Delivery.values or not delivery:
        return None
    error = next(iter(_dicts(said, "errors")), {})
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = ": ".join(str(part) for part in (error.get("title") or error.get("message"), details) if part)
    return Status(
        account=account,
        message_id=clean(said.get("id", ""), 200),
        tracker=str(said.get("biz_opaque_callback_data", "")),
        delivery=Delivery(str(delivery)),
        error_code=clean(error.get("code", ""), 64),
        error_message=clean(words),
    )


def _reply(account: ProviderAccount, said: Mapping[str, Any]) -> Reply:
    """Typed, or the title of a button that was pressed."""
    texts = [(said.get("text"), "body"), (said.get("button"), "text")]
    interactive = said.get("interactive")
    if isinstance(interactive, dict):
        texts.append((interactive.get("button_reply"), "title"))
    text = next((part[name] for part, name in texts if isinstance(part, dict) and isinstance(part.get(name), str)), "")
    return Reply(account, str(said.get("from", "")), clean(text))


# What follows from it


def opt_out(reply: Reply) -> None:
    """No more broadcasts of this business, not even of those under way."""
    phone = e164(f"+{reply.phone.lstrip('+')}", reply.account.country)
    if phone is None:
        return
    business = reply.account.business_id
    OptOut.objects.get_or_create(business_id=business, phone=phone, defaults={"words": reply.text[:100]})
    skip(Recipient.objects.filter(phone=phone, run__business=business), "opted_out")


def move_forward(statuses: Iterable[Status]) -> None:
    """Move each status's recipient forward, and count what that changes, in one short transaction."""
    statuses = list(statuses)
    if not statuses:
        return
    with transaction.atomic():
        counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for recipient, status in _found(statuses):
            for counter, change in _moved(recipient, status).items():
                counts[recipient.run_id][counter] += change
        for run_id, changes in sorted(counts.items()):
            changed = {name: models.F(name) + change for name, change in changes.items() if change}
            WhatsAppBroadcast.objects.filter(pk=run_id).update(**changed, version=models.F("version") + 1)


def _found(statuses: list[Status]) -> Iterator[tuple[Recipient, Status]]:
    """Each status with its recipient, by our own tracker or by the message's id; unknown ones are left out."""
    trackers = {status: Recipient.of_tracker(status.tracker) for status in statuses}
    by_pk = models.Q(pk__in=[pk for pk in trackers.values() if pk])
    by_message = models.Q(message_id__in=[status.message_id for status in statuses if status.message_id])
    # A row may be locked that belongs to another account with the same ids; it isn't touched.
    rows = Recipient.objects.filter(by_pk | (by_message & ~models.Q(message_id="")))
    runs = WhatsAppBroadcast.objects.filter(pk__in=list(rows.values_list("run", flat=True))).locked()
    accounts = dict(runs.values_list("pk", "account"))
    locked = list(rows.filter(run__in=accounts).order_by("pk").select_for_update(of=("self",), no_key=True))
    for status in statuses:
        for recipient in locked:
            known = trackers[status]
            is_meant = recipient.pk == known if known else recipient.message_id == status.message_id
            if is_meant and accounts[recipient.run_id] == status.account.pk:
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
    if status.delivery == Delivery.FAILED:
        recipient.status = ItemStatus.FAILED
        recipient.error_code = status.error_code or "not_delivered"
        recipient.error_message = status.error_message
    else:
        recipient.status, recipient.error_code, recipient.error_message = ItemStatus.DONE, "", ""
    recipient.save(update_fields=["status", "delivery", "message_id", "error_code", "error_message"])
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

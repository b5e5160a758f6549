"""Statuses of messages move their recipients forward.

1. A status finds its recipient by our own tracker, or by Meta's id of the message.
2. Runs are locked before recipients, like everywhere: in another order two transactions would deadlock.
3. A recipient moves only forward in `FORWARD`, so repeated and late statuses change nothing.
4. The first to settle a recipient counts it, be it the worker or a webhook.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pywa.types.message_status import MessageStatusType

from runs.states import ItemStatus
from runs.text import clean

from ..models import ProviderAccount, Recipient, WhatsAppBroadcast
from ..stored_messages import NOT_DELIVERED
from .payload import Change
from .updates import NO_CODE, parse_message_status

Delivery = Recipient.Delivery

MAX_ERROR_MESSAGE: Final = 1000  # characters; Meta's are sentences
FORWARD: Final = list(Delivery)
_DELIVERIES: Final = {
    MessageStatusType.SENT: Delivery.SENT,
    MessageStatusType.FAILED: Delivery.FAILED,
    MessageStatusType.DELIVERED: Delivery.DELIVERED,
    MessageStatusType.READ: Delivery.READ,
    MessageStatusType.PLAYED: Delivery.READ,  # a voice message
}


@dataclass(frozen=True)
class DeliveryStatus:
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


def parse_status(account: ProviderAccount, change: Change, part: dict[str, Any]) -> DeliveryStatus | None:
    update = parse_message_status(change, part)
    delivery = None if update is None else _DELIVERIES.get(update.status)
    if update is None or delivery is None:
        return None
    error = update.error
    message = ": ".join(str(text) for text in (error.message, error.details) if text) if error else ""
    return DeliveryStatus(
        account=account,
        message_id=clean(update.id, 200) if isinstance(update.id, str) else "",
        tracker=str(update.tracker or ""),
        delivery=delivery,
        at=update.timestamp,
        wa_id=(update.from_user.wa_id or "").lstrip("+"),
        user_id=update.from_user.bsuid or "",
        error_code=clean(error.code, 64) if error and error.code != NO_CODE else "",
        error_message=clean(message, MAX_ERROR_MESSAGE),
    )


def apply_statuses(statuses: Iterable[DeliveryStatus]) -> None:
    """Move each status's recipient forward, and count what that changes, in one short transaction."""
    statuses = list(statuses)
    if not statuses:
        return
    with transaction.atomic():
        counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for recipient, status in lock_recipients(statuses):
            for counter, change in move_forward(recipient, status).items():
                counts[recipient.run_id][counter] += change
        for run_id, added in sorted(counts.items()):
            changed = {name: models.F(name) + change for name, change in added.items() if change}
            WhatsAppBroadcast.objects.filter(pk=run_id).update(**changed, version=models.F("version") + 1)


def lock_recipients(statuses: list[DeliveryStatus]) -> Iterator[tuple[Recipient, DeliveryStatus]]:
    """Each status with its recipient, locked with its run.

    Rows of another account that has the same ids may be locked too; they aren't changed.
    """
    rows = find_recipients(statuses)
    runs = WhatsAppBroadcast.objects.filter(pk__in=list(rows.values_list("run", flat=True))).locked()
    locked = rows.filter(run__in=list(runs.values_list("pk", flat=True))).order_by("pk")
    return match_recipients(statuses, locked.select_for_update(of=("self",), no_key=True))


def find_recipients(statuses: list[DeliveryStatus]) -> models.QuerySet[Recipient]:
    by_pk = models.Q(pk__in=[pk for status in statuses if (pk := Recipient.parse_tracker(status.tracker))])
    by_message = models.Q(message_id__in=[status.message_id for status in statuses if status.message_id])
    return Recipient.objects.filter(by_pk | (by_message & ~models.Q(message_id=""))).select_related("run")


def match_recipients(
    statuses: list[DeliveryStatus], rows: models.QuerySet[Recipient]
) -> Iterator[tuple[Recipient, DeliveryStatus]]:
    """Each status with its recipient; statuses of unknown messages are left out."""
    by_pk = {recipient.pk: recipient for recipient in rows}
    by_message: dict[str, list[Recipient]] = defaultdict(list)
    for recipient in by_pk.values():
        by_message[recipient.message_id].append(recipient)
    for status in statuses:
        tracked = Recipient.parse_tracker(status.tracker)
        candidates = [by_pk[tracked]] if tracked in by_pk else by_message[status.message_id] if tracked is None else []
        for recipient in candidates:
            if recipient.run.account_id == status.account.pk:
                yield recipient, status


def move_forward(recipient: Recipient, status: DeliveryStatus) -> dict[str, int]:
    """Move the recipient if the status is later than its own; return what that adds to the run's counters."""
    if FORWARD.index(status.delivery) <= FORWARD.index(Delivery(recipient.delivery)):
        return {}
    if recipient.status == ItemStatus.SKIPPED:
        return {}
    before = count_recipient(recipient)
    recipient.delivery = status.delivery
    recipient.message_id = recipient.message_id or status.message_id
    recipient.answered_at = Now()
    if status.delivery == Delivery.FAILED:
        recipient.status = ItemStatus.FAILED
        recipient.error_code = status.error_code or "not_delivered"
        recipient.error_message = status.error_message or NOT_DELIVERED
    else:
        recipient.status, recipient.error_code, recipient.error_message = ItemStatus.DONE, "", ""
    recipient.save(update_fields=["status", "delivery", "message_id", "answered_at", "error_code", "error_message"])
    after = count_recipient(recipient)
    return {name: after[name] - before[name] for name in after}


def count_recipient(recipient: Recipient) -> dict[str, int]:
    """The recipient's part in its run's counters."""
    return {
        "processed": recipient.status not in (ItemStatus.PENDING, ItemStatus.IN_FLIGHT),
        "succeeded": recipient.status == ItemStatus.DONE,
        "failed": recipient.status == ItemStatus.FAILED,
        "delivered": recipient.delivery in (Delivery.DELIVERED, Delivery.READ),
        "read": recipient.delivery == Delivery.READ,
    }

"""G3 for effects that can't be undone: no message is sent twice, and none that may have been sent has another status.

Received messages are known for the outbox, which stores them in the database, and for a server that logs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from broadcasts.models import OutboxMessage, ProviderAccount, Recipient, WhatsAppBroadcast
from runs.states import ItemStatus

from .findings import Finding
from .logs import Logs, Send
from .timeline import Change, History

# In these a message may have been sent: the provider may fail to deliver it, and a crash leaves it unknown.
MAY_BE_SENT: Final = (ItemStatus.DONE, ItemStatus.UNKNOWN, ItemStatus.IN_FLIGHT, ItemStatus.FAILED)
RECIPIENTS_AT_ONCE: Final = 10_000


def check(finding: Finding, logs: Logs) -> None:
    _check_sends(finding, list(_outbox()), ProviderAccount.Kind.OUTBOX)
    if sends := [send for send in logs.read(Send) if send.status == 200]:
        _check_sends(finding, sends, ProviderAccount.Kind.META)


def _outbox() -> Iterator[Send]:
    rows = OutboxMessage.objects.order_by("pk").values_list("phone", "tracker", "message_id")
    return (Send(to, tracker, message_id, 200) for to, tracker, message_id in rows.iterator())


def _check_sends(finding: Finding, sends: list[Send], kind: str) -> None:
    finding.count(f"messages that the {kind} provider received", len(sends))
    by_recipient: dict[int | None, list[Send]] = defaultdict(list)
    for send in sends:
        by_recipient[Recipient.parse_tracker(send.tracker)].append(send)
    for stranger in by_recipient.pop(None, []):
        finding.violate(f"{stranger.to} was sent to, and no recipient is known for it")
    for pk, received in by_recipient.items():
        if len(received) > 1:
            finding.violate(f"recipient {pk} ({received[0].to}) was sent to {len(received)} times")
    rows = Recipient.objects.filter(run__account__kind=kind).order_by("pk")
    for pk, run, status, message_id in rows.values_list("pk", "run", "status", "message_id").iterator():
        received = by_recipient.pop(pk, [])
        finding.count(f"recipients compared with what the {kind} provider received")
        for fault in _faults(status, message_id, {send.message_id for send in received}):
            finding.violate(f"broadcast {run}, recipient {pk} {fault}")
    for pk in by_recipient:
        finding.violate(f"recipient {pk} was sent to, and isn't there")


def _faults(status: str, message_id: str, received: set[str]) -> Iterator[str]:
    if received and status not in MAY_BE_SENT:
        yield f"is {status}, and {received} was sent"
    if status == ItemStatus.DONE and message_id not in received:
        yield f"is done by {message_id or 'no message'}, and {received or 'nothing'} was sent"


# Unknown ones


def check_history(finding: Finding, history: History) -> None:
    """Recipients are sent to in order: an unknown one was in flight when an attempt died.

    So it is near the place that the broadcast had reached then, and no more are unknown than are sent at once.
    """
    if history.model is not WhatsAppBroadcast:
        return
    ends = [change for change in history.departures() if not change.is_final_flush]
    at_once = settings.WHATSAPP_AT_ONCE
    left = [change.processed for change in ends for _ in range(at_once)]
    statuses: Any = Recipient.objects.filter(run=history.run).order_by("pk").values_list("status", flat=True)
    finding.count("recipients unknown", Counter(statuses)[ItemStatus.UNKNOWN])
    finding.count("broadcast attempts that ended without a word", len(ends))
    for place, status in enumerate(statuses):
        if status == ItemStatus.UNKNOWN:
            # The end may be recorded before or after those in flight are counted, and sends may overtake one another.
            at = next((processed for processed in left if abs(place - processed) <= 2 * at_once), None)
            if at is None:
                finding.violate(f"{history}: number {place} is unknown, and attempts ended at {_places(ends)}")
            else:
                left.remove(at)


def _places(ends: list[Change]) -> list[int]:
    return [change.processed for change in ends]

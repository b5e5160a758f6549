"""A storm over one broadcast: a server on the loopback notes all that it was told to send."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil
from django.conf import settings

from broadcasts.audience import listed
from broadcasts.demo.graph import Answer, GraphServer, served
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.starting import Draft, start_broadcast
from runs.models import Business
from runs.states import ItemStatus, Status

from ..harness import say

RATE = 100_000  # messages a second: the server's own time is what slows the broadcast
AT_ONCE = 4  # messages under way
LOSSES = ("resumed after worker loss", "no heartbeat")


class Broadcast:
    model = WhatsAppBroadcast

    def __init__(self, recipients: int, seconds: float) -> None:
        self.recipients = recipients
        self.described = f"one broadcast to {recipients:,} recipients"
        self.server = GraphServer(keep_bodies=False)
        self.server.otherwise = Answer(seconds=seconds / recipients * AT_ONCE)

    @contextmanager
    def served(self) -> Iterator[None]:
        with served(self.server):
            # The workers are started after this.
            settings.WHATSAPP_API_URL = os.environ["WHATSAPP_API_URL"] = self.server.url
            os.environ["WHATSAPP_AT_ONCE"] = str(AT_ONCE)
            yield

    def start(self) -> Sequence[WhatsAppBroadcast]:
        business = Business.objects.create(slug="storm", name="Storm")
        account = ProviderAccount.objects.create(
            business=business, name="Storm", phone_number_id="1", token="t", rate=RATE
        )
        audience = listed([f"+97250{2_000_000 + number}" for number in range(self.recipients)])
        return [start_broadcast(Draft(account, "Storm", "Hello", audience), None)]

    def at_work(self, pids: list[int]) -> list[int]:
        """Whoever is connected to the server."""
        return [pid for pid in pids if self._is_connected(pid)]

    def _is_connected(self, pid: int) -> bool:
        with contextlib.suppress(psutil.Error):
            connections = psutil.Process(pid).net_connections("tcp")
            return any(each.raddr and each.raddr.port == self.server.port for each in connections)
        return False

    def held_by_process(self, pid: int) -> list[tuple[int, int]]:
        if not self._is_connected(pid):
            return []
        return list(WhatsAppBroadcast.objects.filter(status=Status.RUNNING).values_list("pk", "attempt"))

    def violations(self) -> Iterator[str]:
        run = WhatsAppBroadcast.objects.get()
        say(f"  {run.sent:,} sent, {run.unknown} unknown, {run.attempt} attempts, {len(self.server.told):,} told")
        recipients = list(Recipient.objects.filter(run=run).order_by("pk"))
        yield from self._sent_twice_or_to_nobody(recipients)
        yield from _miscounted(run, recipients)
        yield from _wrongly_unknown(run, recipients)

    def _sent_twice_or_to_nobody(self, recipients: list[Recipient]) -> Iterator[str]:
        for number, times in self.server.numbers.items():
            if times > 1:
                yield f"{number} was sent to {times} times"
        ids = {f"+{told.to}": told.message_id for told in self.server.told}
        for recipient in recipients:
            told = ids.pop(recipient.phone, "")
            if recipient.status == ItemStatus.DONE and recipient.message_id != told:
                yield f"{recipient.phone} is done by {recipient.message_id}, but the server sent {told}"
            if recipient.status not in (ItemStatus.DONE, ItemStatus.UNKNOWN):
                yield f"{recipient.phone} was left {recipient.status}"
        if ids:
            yield f"sent to strangers: {sorted(ids)}"


def _miscounted(run: WhatsAppBroadcast, recipients: list[Recipient]) -> Iterator[str]:
    found = Counter(recipient.status for recipient in recipients)
    counted = {"done": run.sent, "unknown": run.unknown, "failed": run.failed, "skipped": run.skipped}
    if counted != {name: found[name] for name in counted}:
        yield f"counted {counted}, found {dict(found)}"
    if (run.total, run.processed, run.progress_pct) != (len(recipients), len(recipients), 100):
        yield f"ended with {run.processed} of {run.total}, {run.progress_pct} %"


def _wrongly_unknown(run: WhatsAppBroadcast, recipients: list[Recipient]) -> Iterator[str]:
    """A broadcast goes through its recipients in order: who was in flight at a death is among the few whom it had
    come to then, and every recipient before those was settled."""
    deaths = run.events.filter(pgh_context__reason__in=LOSSES).order_by("pgh_id").values_list("processed", flat=True)
    left = [processed for processed in deaths for _ in range(AT_ONCE)]
    for place, recipient in enumerate(recipients):
        if recipient.status == ItemStatus.UNKNOWN:
            # A death is noted before those in flight are counted, or after; one may be overtaken by the others.
            at = next((processed for processed in left if abs(place - processed) <= 2 * AT_ONCE), None)
            if at is None:
                yield f"{recipient.phone}, number {place}, is unknown, but the deaths came at {list(deaths)}"
            else:
                left.remove(at)

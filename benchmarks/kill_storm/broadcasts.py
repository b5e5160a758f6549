"""A storm over one broadcast: a server on the loopback records all messages that it receives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from broadcasts.audience import read_listed
from broadcasts.models import ProviderAccount, WhatsAppBroadcast
from broadcasts.starting import Draft, start_broadcast
from demo.fakes.graph import Answer, GraphServer, serve_graph
from runs.models import Business

from ..guarantees.logs import Record, Send

RATE: Final = 100_000  # messages a second: the server's own time is what slows the broadcast
AT_ONCE: Final = 4  # messages under way


class Broadcast:
    model = WhatsAppBroadcast

    def __init__(self, recipients: int, seconds: float) -> None:
        self.recipients = recipients
        self.described = f"one broadcast to {recipients:,} recipients"
        self.server = GraphServer(keep_bodies=False)
        self.server.otherwise = Answer(seconds=seconds / recipients * AT_ONCE)

    @contextmanager
    def served(self) -> Iterator[None]:
        with serve_graph(self.server):
            # The workers are started after this.
            settings.WHATSAPP_API_URL = os.environ["WHATSAPP_API_URL"] = self.server.url
            settings.WHATSAPP_AT_ONCE = AT_ONCE
            os.environ["WHATSAPP_AT_ONCE"] = str(AT_ONCE)
            yield

    def start(self) -> Sequence[WhatsAppBroadcast]:
        business = Business.objects.create(slug="storm", name="Storm")
        account = ProviderAccount.objects.create(
            business=business, name="Storm", phone_number_id="1", token="t", rate=RATE
        )
        audience = read_listed([f"+97250{2_000_000 + number}" for number in range(self.recipients)])
        return [start_broadcast(Draft(account, "Storm", "Hello", audience), None)]

    def records(self) -> Iterator[Record]:
        """The server gives all messages the same answer."""
        for message in self.server.received:
            yield Send(message.to, message.tracker, message.message_id, self.server.otherwise.status)

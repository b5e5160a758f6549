"""A storm over syncs of mailboxes: each has its own server, which records the messages that it serves."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from demo import mailboxes
from demo.mailboxes.letters import DemoMail, write_mailbox
from demo.mailboxes.server import ServedMailbox, Server, StoredMail, serve
from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import dispatch
from runs.models import Business

from ..guarantees.logs import Fetch, Mail, Record
from ..mailserver import PER_MILLE

FETCH_SECONDS: Final = 0.02  # for the server to serve a message
MESSAGE_SECONDS: Final = FETCH_SECONDS + 0.03  # and for the run to read it


class Receipts:
    model = ReceiptSyncRun

    def __init__(self, runs: int, seconds: float) -> None:
        self.messages = max(60, int(seconds / MESSAGE_SECONDS / runs))
        self.described = f"{runs} mailboxes of {self.messages:,} messages"
        self._mails = {f"storm-{number}@demo.test": self._written(number) for number in range(runs)}
        self._ports: dict[str, int] = {}
        self._fetches: list[Fetch] = []
        self._lock = threading.Lock()

    def _written(self, number: int) -> Sequence[DemoMail]:
        recipes = [(recipe, -(-share * self.messages // 1000)) for recipe, share in PER_MILLE]
        return write_mailbox(f"storm-{number}@demo.test", recipes)[: self.messages]

    @contextmanager
    def served(self) -> Iterator[None]:
        with ExitStack() as servers:
            for account in self._mails:
                self._ports[account] = servers.enter_context(self._serve(account)).port
            yield

    @contextmanager
    def _serve(self, account: str) -> Iterator[Server]:
        def note(uid: int) -> None:
            with self._lock:
                self._fetches.append(Fetch(account, uid))

        mails = [StoredMail(mail.uid, mail.received_at, mail.raw) for mail in self._mails[account]]
        mailbox = ServedMailbox(
            account, mailboxes.PASSWORD, mailboxes.UIDVALIDITY, mails, fetch_seconds=FETCH_SECONDS, on_fetch=note
        )
        with serve([mailbox]) as server:
            yield server

    def start(self) -> Sequence[ReceiptSyncRun]:
        return [self._start(number, account) for number, account in enumerate(self._mails)]

    def _start(self, number: int, account: str) -> ReceiptSyncRun:
        business = Business.objects.create(slug=f"storm-{number}", name="Storm")
        mailbox = Mailbox.objects.create(
            business=business,
            name=account,
            host="127.0.0.1",
            port=self._ports[account],
            security=Mailbox.Security.PLAIN,
            username=account,
            secret=mailboxes.PASSWORD,
        )
        return dispatch.start(ReceiptSyncRun, business, mailbox=mailbox)

    def records(self) -> Iterator[Record]:
        for account, mails in self._mails.items():
            for mail in mails:
                receipts = [[truth.vendor, f"{truth.amount:.2f}", truth.currency] for truth in mail.truths]
                yield Mail(account, mailboxes.UIDVALIDITY, mail.uid, mail.message_id, receipts)
        yield from self._fetches

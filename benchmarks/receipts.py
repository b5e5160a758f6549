"""Messages a second of a whole sync, beside imap-tools reading the same mail and keeping nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import override_settings
from imap_tools import BaseMailBox, MailBoxUnencrypted, MailMessage

from receipts.models import Receipt, ReceiptSyncRun
from receipts.scanner.scanner import Scanner
from receipts.sync.mailbox_sync import sync_mailbox

from . import claims, database
from .harness import Options, Result, Seconds, Timed, Unavailable, interleaved, print_note, print_seconds, ratio

ACCOUNT, PASSWORD = "benchmark@demo.test", "benchmark"
MESSAGES = 2_000
BULK = 500  # messages that imap-tools fetches at once: its fastest setting here

OURS = "a whole sync"
EXTRACTING = "imap-tools with the same extraction"
PARSING = "imap-tools parsing only"


def measure(options: Options) -> Result:
    messages = options.amount(MESSAGES, least=20)
    seconds: Seconds = {}
    try:
        with mail_server(messages) as port, database.in_scratch("receipts"), files_elsewhere():
            sides: dict[str, Timed] = {
                OURS: lambda: _time_sync(port, messages),
                EXTRACTING: lambda: _time_extraction(port, messages),
                PARSING: lambda: _time_parsing(port, messages),
            }
            seconds = interleaved(sides, options.rounds, warm_up=False)
    except Unavailable as reason:
        print_note(f"  not measured, {reason}")
    print_seconds(seconds, dict.fromkeys(seconds, messages))
    result = Result()
    for peer, limit in ((EXTRACTING, 0.9), (PARSING, 0.4)):
        result.at_least(limit, f"receipts: messages a second, {OURS} / {peer}", ratio(seconds, peer, OURS))
    return result


@contextmanager
def mail_server(messages: int) -> Iterator[int]:
    try:
        from . import mailserver
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed: pip install -r requirements-dev.txt") from error
    began = time.monotonic()
    with mailserver.running(messages, ACCOUNT, PASSWORD) as port:
        print_note(f"  {messages:,} messages written and served in {time.monotonic() - began:.0f} s")
        yield port


@contextmanager
def files_elsewhere() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as directory, override_settings(MEDIA_ROOT=directory):
        yield


def _time_sync(port: int, messages: int) -> float:
    """In a new business and mailbox, so that every receipt and file is new."""
    run = database.queued_run(port=port, username=ACCOUNT, secret=PASSWORD)
    began = time.perf_counter()
    claims.work_on_next(ReceiptSyncRun, sync_mailbox)
    seconds = time.perf_counter() - began
    run.refresh_from_db()
    assert (run.status, run.processed, run.failed) == ("completed", messages, 0), (run.status, run.error_message)
    assert Receipt.objects.filter(business=run.business).exists()
    return seconds


class _RawMailMessage(MailMessage):
    """A message that stores its bytes, which the extraction reads."""

    def __init__(self, fetch_data: list[Any]) -> None:
        super().__init__(fetch_data)
        self.raw = self._get_message_data_parts(fetch_data)[0]


def _time_extraction(port: int, messages: int) -> float:
    began = time.perf_counter()
    with _open_mailbox(port) as mailbox, Scanner() as scanner:
        mailbox.email_message_class = _RawMailMessage
        found = [scanner.scan(message.raw).is_candidate for message in _fetch_mails(mailbox)]
    assert len(found) == messages
    assert any(found)
    return time.perf_counter() - began


def _time_parsing(port: int, messages: int) -> float:
    """Every field that imap-tools reads of a message, its attachments decoded."""
    began = time.perf_counter()
    with _open_mailbox(port) as mailbox:
        read = [
            (mail.subject, mail.from_, mail.date, len(mail.text), len(mail.html), sum(a.size for a in mail.attachments))
            for mail in _fetch_mails(mailbox)
        ]
    assert len(read) == messages
    return time.perf_counter() - began


def _fetch_mails(mailbox: BaseMailBox) -> Iterator[Any]:
    return mailbox.fetch(mark_seen=False, bulk=BULK)


def _open_mailbox(port: int) -> BaseMailBox:
    return MailBoxUnencrypted("127.0.0.1", port).login(ACCOUNT, PASSWORD)

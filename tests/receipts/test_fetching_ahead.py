"""The next messages are fetched and scanned while one is stored; an error is raised for the message that it affects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from pytest_django import Settings

from demo.mailboxes.mime import mail, text
from receipts.mailbox import letter_fetcher, message_sizes
from receipts.mailbox.account import Account, InboxUnreachable
from receipts.mailbox.fetch_failures import FetchFailures
from receipts.mailbox.inbox import Inbox, open_inbox
from receipts.mailbox.letter_fetcher import BATCH_MESSAGES, LetterFetcher
from receipts.models import Mailbox, Receipt, ReceiptSyncRun
from receipts.scanner import scanner as scanner_module
from receipts.scanner.scanner import Scanner
from receipts.sync import outage
from receipts.sync.mailbox_sync import sync_mailbox
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through
from tests.post import cut_after, served_mails

BODY = text("Invoice number: AB-77\nInvoice date: 2024-05-01\nTotal due: $120.50\n")
# Several times the limit below, in few enough bytes; a healthy message takes a twentieth of the limit.
HEAVY = text("Invoice\n" + "Total $1 due $2\n" * 2_500)


def letter(number: int, part: bytes = BODY) -> bytes:
    headers = [("From", "billing@acme.test"), ("Subject", "Invoice"), ("Message-ID", f"<{number}@acme.test>")]
    return mail(headers, part)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that were scanned ahead."""
    raws: list[bytes] = []
    scan_ahead = Scanner.scan_ahead

    def note(self: Scanner, following: Iterable[bytes]) -> None:
        following = list(following)
        raws.extend(following)
        scan_ahead(self, following)

    monkeypatch.setattr(Scanner, "scan_ahead", note)
    return raws


def start_sync(mailbox: Mailbox) -> ReceiptSyncRun:
    return dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox)


@pytest.mark.django_db(transaction=True)
def test_a_message_that_kills_the_scanner_while_scanned_ahead_fails_alone(
    business_a: Business, settings: Settings, monkeypatch: pytest.MonkeyPatch, ahead: list[bytes]
) -> None:
    settings.RECEIPTS_MESSAGE_SECONDS = 0.05
    monkeypatch.setattr(scanner_module, "WALL_FACTOR", 1200)
    raws = [letter(1), letter(2), letter(3, HEAVY), letter(4), letter(5)]
    with served_mails(business_a, raws) as (_server, mailbox):
        run = work_through(start_sync(mailbox), sync_mailbox)
    assert raws[2] in ahead
    assert (run.status, run.processed, run.failed) == ("completed", 5, 1)
    [failed] = run.items.filter(status="failed")
    assert (failed.key, failed.error_code) == ("7:3", "timeout")
    assert set(Receipt.objects.values_list("message_id", flat=True)) == {f"{n}@acme.test" for n in (1, 2, 4, 5)}


@pytest.mark.django_db(transaction=True)
def test_in_suspect_mode_nothing_is_scanned_ahead(business_a: Business, ahead: list[bytes]) -> None:
    with served_mails(business_a, [letter(1), letter(2), letter(3)]) as (_server, mailbox):
        run = start_sync(mailbox)
        ReceiptSyncRun.objects.filter(pk=run.pk).update(suspect_mode=True)
        assert work_through(run, sync_mailbox).succeeded == 3
    assert ahead == []


@pytest.mark.django_db(transaction=True)
def test_a_poison_item_is_never_scanned_ahead(business_a: Business, ahead: list[bytes]) -> None:
    raws = [letter(1), letter(2), letter(3)]
    with served_mails(business_a, raws) as (_server, mailbox):
        run = start_sync(mailbox)
        ReceiptSyncRun.objects.filter(pk=run.pk).update(poison_items=["7:2"])
        run = work_through(run, sync_mailbox)
    assert (run.succeeded, run.failed) == (2, 1)
    assert raws[2] in ahead
    assert raws[1] not in ahead


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_while_fetching_ahead_loses_no_fetched_message(business_a: Business) -> None:
    many = BATCH_MESSAGES + 10
    raws = [letter(number).ljust(10_000, b".") for number in range(1, many + 1)]
    uids = range(1, many + 1)
    with (
        served_mails(business_a, raws) as (server, _mailbox),
        cut_after(server.port, [BATCH_MESSAGES * 10_800]) as port,
    ):
        account = Account("127.0.0.1", port, "plain", "dana", "open sesame", timeout=10)
        with open_inbox(account, max_bytes=100_000) as opened:
            failures = FetchFailures()
            letters = LetterFetcher(opened, uids, max_bytes=100_000, failures=failures)
            for uid in uids[:BATCH_MESSAGES]:
                assert letters.take_letter(uid).raw == raws[uid - 1]
                letters.fetch_ahead(uid)
            with pytest.raises(InboxUnreachable):
                letters.take_letter(BATCH_MESSAGES + 1)
    assert failures.must_be_alone(many), "on the next connection they are fetched one by one"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limits", [[80_000], [80_000, 20_000, 0]])
def test_a_connection_lost_while_messages_are_scanned_ahead_stores_each_once(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, ahead: list[bytes], limits: list[int]
) -> None:
    many = 12
    monkeypatch.setattr(letter_fetcher, "BATCH_MESSAGES", many // 2)
    monkeypatch.setattr(outage, "FIRST_PAUSE_SECONDS", 0.05)
    lost: list[int] = []

    def note(self: LetterFetcher, uid: int) -> None:
        fetch_ahead(self, uid)
        if self._failure and uid not in lost:
            lost.append(uid)

    fetch_ahead = LetterFetcher.fetch_ahead
    monkeypatch.setattr(LetterFetcher, "fetch_ahead", note)
    raws = [letter(number).ljust(10_000, b".") for number in range(1, many + 1)]
    with served_mails(business_a, raws) as (server, mailbox), cut_after(server.port, [*limits]) as port:
        mailbox.port = port
        mailbox.save()
        run = work_through(start_sync(mailbox), sync_mailbox)
    assert lost, "the connection broke while messages that are here were waiting to be stored"
    assert lost[0] < many // 2
    assert set(raws[2:6]) <= set(ahead)
    assert (run.status, run.processed, run.succeeded, run.total) == ("completed", many, many, many)
    assert {(item.status, item.attempts) for item in run.items.all()} == {("done", 1)}
    message_ids = sorted(Receipt.objects.values_list("message_id", flat=True))
    assert message_ids == sorted(f"{number}@acme.test" for number in range(1, many + 1))


@pytest.mark.django_db(transaction=True)
def test_the_next_batch_is_fetched_before_the_current_one_is_used_up(business_a: Business) -> None:
    many = BATCH_MESSAGES + 10
    with served_mails(business_a, [letter(number) for number in range(1, many + 1)]) as (server, _mailbox):
        account = Account("127.0.0.1", server.port, "plain", "dana", "open sesame", timeout=10)
        with open_inbox(account, max_bytes=100_000) as opened:
            letters = LetterFetcher(opened, range(1, many + 1), max_bytes=100_000)
            for uid in range(1, BATCH_MESSAGES):
                letters.take_letter(uid)
                letters.fetch_ahead(uid)
            assert letters.find_fetched(BATCH_MESSAGES)
            assert letters.find_fetched(many)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sent_before", [0, 3])
def test_sizes_are_requested_ahead_and_none_is_missed(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, sent_before: int
) -> None:
    """Also from a server that works on two commands at once, and sends some sizes with another response."""
    monkeypatch.setattr(message_sizes, "SIZES_AT_ONCE", 30)
    requested: list[str] = []
    begin_sizes = Inbox.begin_sizes

    def begin(self: Inbox, uids: Sequence[int]) -> Callable[[], dict[int, int]]:
        requested.append(f"{uids[0]}-{uids[-1]}")
        read = begin_sizes(self, uids)
        sent = uids[sent_before:] if (uids[0], uids[-1]) == (61, 80) else uids
        return lambda: {uid: size for uid, size in read().items() if uid in sent}

    monkeypatch.setattr(Inbox, "begin_sizes", begin)
    raws = [letter(number) for number in range(1, 81)]
    taken: list[bytes | None] = []
    with served_mails(business_a, raws) as (server, _mailbox):
        account = Account("127.0.0.1", server.port, "plain", "dana", "open sesame", timeout=10)
        with open_inbox(account, max_bytes=100_000) as opened:
            letters = LetterFetcher(opened, range(1, 81), max_bytes=100_000)
            for uid in range(1, 81):
                if uid == 20:
                    assert requested == ["1-30", "31-60", "61-80"]
                taken.append(letters.take_letter(uid).raw)
                letters.fetch_ahead(uid)
    assert taken == raws
    assert requested == ["1-30", "31-60", "61-80", *["61-63"] * bool(sent_before)]

"""A sync whose mail server stays away waits in the queue, without a worker, and goes on where it stopped."""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import pytest
from pytest_django import Settings

from demo.mailboxes.server import ServedMailbox, Server, free_port, serve
from receipts.mailbox.account import InboxUnreachable
from receipts.mailbox.inbox import Inbox
from receipts.models import Mailbox, ReceiptSyncRun
from receipts.sync import outage
from receipts.sync.mailbox_sync import sync_mailbox
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through
from tests.post import cut_after, mailbox_at, served_mails
from tests.waits import is_waiting_in_queue, work_on_after_wait, work_on_until_it_ends

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]

MANY = 60
REFUSED = "The mail server refuses the connection"
MAILS = [
    f"From: a@b.test\r\nSubject: mail {number}\r\n\r\n".encode().ljust(20_000, b".") for number in range(1, MANY + 1)
]


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(outage, "FIRST_PAUSE_SECONDS", 0.05)
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.2
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.02


@pytest.fixture
def box(business_a: Business) -> Iterator[tuple[Server, Mailbox]]:
    with served_mails(business_a, MAILS) as served:
        yield served


@pytest.fixture
def lonely(business_a: Business) -> Mailbox:
    """A mailbox that worked once, and whose server doesn't run."""
    mailbox = mailbox_at(business_a, free_port())
    mailbox.mark_opened(7)
    return Mailbox.objects.get(pk=mailbox.pk)


def start_sync(mailbox: Mailbox) -> ReceiptSyncRun:
    return dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox)


def test_a_server_that_is_away_occupies_no_slot_and_is_waited_for(lonely: Mailbox) -> None:
    run = work_through(start_sync(lonely), sync_mailbox)
    assert is_waiting_in_queue(run, REFUSED)
    run = work_on_after_wait(run, sync_mailbox)
    assert is_waiting_in_queue(run, REFUSED)
    with serve([ServedMailbox("dana", "open sesame", 7, [])], port=lonely.port):
        end = work_on_after_wait(run, sync_mailbox)
    assert (end.status, end.attempt, end.losses) == ("completed", 3, 0)


def test_after_the_longest_wait_over_all_attempts_the_run_fails(lonely: Mailbox, settings: Settings) -> None:
    settings.RECEIPTS_UNREACHABLE_SECONDS = 200
    run = work_on_until_it_ends(start_sync(lonely), sync_mailbox)
    assert (run.status, run.error_code) == ("failed", "unreachable")
    assert "The sync waited 3 minutes for it. Retry to continue where it stopped." in run.error_message
    assert 5 < run.attempt < 20
    assert "unreachable_seconds" not in run.cursor


def test_a_server_that_goes_away_in_the_middle_costs_nothing_and_repeats_nothing(box: tuple[Server, Mailbox]) -> None:
    server, mailbox = box
    limits = [1_150_000, *[0] * 100]
    with cut_after(server.port, limits) as port:
        Mailbox.objects.filter(pk=mailbox.pk).update(port=port)
        run = work_through(start_sync(mailbox), sync_mailbox)
        done = run.processed
        assert run.waiting_until
        assert 0 < done < MANY
        run = work_on_after_wait(run, sync_mailbox)
        assert (bool(run.waiting_until), run.processed, run.total) == (True, done, MANY)
        items = set(run.items.values_list("pk", flat=True))
        limits.clear()
        end = work_on_after_wait(run, sync_mailbox)
    assert (end.status, end.processed, end.total, end.losses) == ("completed", MANY, MANY, 0)
    assert {item.attempts for item in end.items.all()} == {1}
    assert items < set(end.items.values_list("pk", flat=True)), "it went on behind them"


def test_a_message_that_ends_every_connection_is_given_up_though_its_tries_are_attempts_apart(
    box: tuple[Server, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_fetch = Inbox.begin_fetch

    def hang_up_over_the_first(self: Inbox, uids: Sequence[int], parts: str) -> Callable[[], list[Any]]:
        return hang_up if "BODY" in parts and 1 in uids else begin_fetch(self, uids, parts)

    def hang_up() -> NoReturn:
        raise InboxUnreachable("It hung up.", "The connection was lost") from imaplib.IMAP4.abort()

    monkeypatch.setattr(Inbox, "begin_fetch", hang_up_over_the_first)
    run: ReceiptSyncRun = work_on_until_it_ends(start_sync(box[1]), sync_mailbox)
    assert (run.status, run.processed, run.failed) == ("completed", MANY, 1)
    assert run.attempt > 2
    assert run.items.get(status="failed").error_code == "given_up"

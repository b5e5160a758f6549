"""A mail server that is away, hangs up or renumbers its mail: the run waits, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pytest_django import Settings

from demo.mailboxes.server import ServedMailbox, Server, free_port, serve
from receipts.mailbox.account import InboxUnreachable
from receipts.models import Mailbox, ReceiptSyncRun
from receipts.sync import outage
from receipts.sync.mailbox_sync import sync_mailbox
from receipts.sync.outage import Outage
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.readers.verdict import verdict_of
from tests.actors import read_run, work_through
from tests.post import FIRST_DAY, cut_after, mailbox_at, served_mails

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 60


def mail(number: int) -> bytes:
    return f"From: a@b.test\r\nSubject: mail {number}\r\n\r\n".encode().ljust(20_000, b".")


MAILS = [mail(number) for number in range(1, MANY + 1)]


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(outage, "FIRST_PAUSE_SECONDS", 0.05)
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


def start_sync(mailbox: Mailbox, **fields: Any) -> ReceiptSyncRun:
    return dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox, **fields)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[ReceiptSyncRun], object]], None]:
    """Have something done when the run begins to wait for its mail server, once."""

    def arrange(do: Callable[[ReceiptSyncRun], object]) -> None:
        left = [do]
        wait = Outage.wait

        def wait_and_do(self: Outage, error: InboxUnreachable) -> None:
            if left:
                left.pop()(ReceiptSyncRun.objects.latest())
            wait(self, error)

        monkeypatch.setattr(Outage, "wait", wait_and_do)

    return arrange


# Away


def test_a_server_that_comes_up_later_is_waited_for(lonely: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting_messages: list[str] = []
    up: list[bool] = []
    wait = Progress.wait

    def observe_wait(self: Progress, seconds: float, reason: object) -> None:
        if len(waiting_messages) >= 3 and not up:
            up.append(True)
            late.enter_context(serve([ServedMailbox("dana", "open sesame", 7, [])], port=lonely.port))

        def report_and_look() -> None:
            report()
            verdict = verdict_of(read_run(self.run))
            if verdict.code == "waiting":
                waiting_messages.append(verdict.message)

        report, self.report = self.report, report_and_look  # type: ignore[method-assign,assignment]
        wait(self, seconds, reason)
        self.report = report  # type: ignore[method-assign]

    monkeypatch.setattr(Progress, "wait", observe_wait)
    with ExitStack() as late:
        run = work_through(start_sync(lonely), sync_mailbox)
    assert (run.status, run.error_code) == ("completed", "")
    assert all(message.startswith("The mail server refuses the connection, until ") for message in waiting_messages)


def test_a_server_that_stays_away_fails_the_run_as_unreachable_and_a_retry_waits_anew(
    lonely: Mailbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECEIPTS_UNREACHABLE_SECONDS = 0.3
    run = work_through(start_sync(lonely), sync_mailbox)
    assert (run.status, run.error_code) == ("failed", "unreachable")
    assert f"refused the connection on port {lonely.port}" in run.error_message
    assert "Retry to continue where it stopped." in run.error_message

    waits: list[float] = []
    wait = Progress.wait

    def note_and_wait(self: Progress, seconds: float, reason: object) -> None:
        waits.append(seconds)
        wait(self, seconds, reason)

    monkeypatch.setattr(Progress, "wait", note_and_wait)
    dispatch.reopen(run, SYSTEM, "retry")
    assert work_through(run, sync_mailbox).error_code == "unreachable"
    assert len(waits) > 1


def test_the_wait_before_a_deploy_counts(lonely: Mailbox, settings: Settings) -> None:
    settings.RECEIPTS_UNREACHABLE_SECONDS = 1_000
    run = start_sync(lonely)
    ReceiptSyncRun.objects.filter(pk=run.pk).update(cursor={"unreachable_seconds": 1_000.0})
    assert work_through(run, sync_mailbox).error_code == "unreachable"


def test_an_address_that_never_worked_is_rejected_soon(business_a: Business, settings: Settings) -> None:
    settings.RECEIPTS_FIRST_CONTACT_SECONDS = 0.3
    mailbox = mailbox_at(business_a, free_port())
    run = work_through(start_sync(mailbox), sync_mailbox)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert run.error_message.endswith("Check server and port.")


@pytest.mark.parametrize(("opened", "code"), [(False, "rejected"), (True, "unreachable")])
def test_an_unknown_host_is_misconfigured_only_where_it_never_worked(
    business_a: Business, settings: Settings, opened: bool, code: str
) -> None:
    settings.RECEIPTS_UNREACHABLE_SECONDS = 0.1
    mailbox = mailbox_at(business_a, 143)
    Mailbox.objects.filter(pk=mailbox.pk).update(
        host="nowhere.invalid", security="ssl", uidvalidity=7 if opened else None
    )
    run = work_through(start_sync(Mailbox.objects.get(pk=mailbox.pk)), sync_mailbox)
    assert run.error_code == code
    assert "no mail server named nowhere.invalid" in run.error_message


def test_a_run_that_waits_can_be_cancelled(lonely: Mailbox, meanwhile: Any) -> None:
    meanwhile(lambda run: run.cancel(SYSTEM))
    assert work_through(start_sync(lonely), sync_mailbox).status == "cancelled"


def test_a_mailbox_that_is_corrected_meanwhile_is_opened_as_corrected(
    box: tuple[Server, Mailbox], meanwhile: Any
) -> None:
    server, mailbox = box
    Mailbox.objects.filter(pk=mailbox.pk).update(port=free_port())
    meanwhile(lambda run: Mailbox.objects.filter(pk=mailbox.pk).update(port=server.port))
    run = work_through(start_sync(mailbox), sync_mailbox)
    assert (run.status, run.processed) == ("completed", MANY)


# Lost in the middle


@pytest.mark.parametrize("limits", [[300_000], [300_000, 0, 0], [100_000, 200_000, 300_000]])
def test_a_connection_cut_in_the_middle_loses_and_repeats_nothing(
    box: tuple[Server, Mailbox], limits: list[int]
) -> None:
    server, mailbox = box
    with cut_after(server.port, [*limits]) as port:
        mailbox.port = port
        mailbox.save()
        run = work_through(start_sync(mailbox), sync_mailbox)
    assert (run.status, run.processed, run.total) == ("completed", MANY, MANY)
    assert sorted(item.subject for item in run.items.all()) == sorted(f"mail {n}" for n in range(1, MANY + 1))
    assert {item.attempts for item in run.items.all()} == {1}


def test_a_run_whose_server_went_away_in_the_middle_can_be_retried(
    box: tuple[Server, Mailbox], settings: Settings
) -> None:
    settings.RECEIPTS_UNREACHABLE_SECONDS = 0.3
    server, mailbox = box
    limits = [1_150_000, *[0] * 100]
    with cut_after(server.port, limits) as port:
        Mailbox.objects.filter(pk=mailbox.pk).update(port=port)
        run = work_through(start_sync(mailbox), sync_mailbox)
        assert (run.status, run.error_code, run.total) == ("failed", "unreachable", MANY)
        assert 0 < run.processed < MANY
        done = set(run.items.values_list("pk", flat=True))
        limits.clear()
        dispatch.reopen(run, SYSTEM, "retry")
        run = work_through(run, sync_mailbox)
    assert (run.status, run.processed, run.total) == ("completed", MANY, MANY)
    assert done < set(run.items.values_list("pk", flat=True)), "it went on behind them"


def test_a_password_changed_in_the_middle_rejects_the_run(box: tuple[Server, Mailbox], meanwhile: Any) -> None:
    server, mailbox = box
    with cut_after(server.port, [300_000]) as port:
        mailbox.port = port
        mailbox.save()
        meanwhile(lambda run: Mailbox.objects.filter(pk=mailbox.pk).update(secret="changed"))
        run = work_through(start_sync(mailbox), sync_mailbox)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert "password of dana" in run.error_message


# Numbered anew


@pytest.mark.parametrize("flush_seconds", [0.02, 1_000.0], ids=["all is written", "nothing is written yet"])
def test_a_folder_that_is_renumbered_in_the_middle_is_read_from_its_start(
    box: tuple[Server, Mailbox], meanwhile: Any, settings: Settings, flush_seconds: float
) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = flush_seconds
    server, mailbox = box
    shown: list[int] = []

    def renumber(run: ReceiptSyncRun) -> None:
        shown.append(read_run(run).processed)
        server.renumber("dana", 8)

    with cut_after(server.port, [1_150_000]) as port:
        mailbox.port = port
        mailbox.save()
        meanwhile(renumber)
        run = work_through(start_sync(mailbox), sync_mailbox)
    assert (run.status, run.error_message, run.processed, run.total) == ("completed", "", MANY, MANY)
    assert sorted(item.key for item in run.items.all()) == sorted(f"8:{uid}" for uid in range(1, MANY + 1))
    assert shown[0] < MANY


@pytest.mark.parametrize(
    ("cursor", "read_now"),
    [
        ({"uidvalidity": 6, "uid": 40}, MANY),
        ({"uidvalidity": 7, "uid": 40, "location": "another account"}, MANY),
        ({"uidvalidity": 7, "uid": 40}, MANY - 40),
    ],
    ids=["numbered anew", "another account that is numbered alike", "the same, with a cursor of an older version"],
)
def test_a_retry_goes_on_only_behind_the_same_messages(
    box: tuple[Server, Mailbox], cursor: dict[str, Any], read_now: int
) -> None:
    _server, mailbox = box
    run = start_sync(mailbox)
    ReceiptSyncRun.objects.filter(pk=run.pk).update(
        cursor=cursor,
        cursor_counts={"processed": 40, "failed": 2, "skipped": 38},
        processed=40,
        failed=2,
        skipped=38,
        total=MANY,
    )
    run.items.create(key=f"{cursor['uidvalidity']}:3", status="failed", error_code="malformed")
    run = work_through(run, sync_mailbox)
    is_read_anew = read_now == MANY
    assert (run.status, run.processed, run.total, run.failed) == ("completed", MANY, MANY, 0 if is_read_anew else 2)
    assert run.items.count() == (MANY if is_read_anew else read_now + 1)
    mailbox.refresh_from_db()
    assert (mailbox.last_uid, run.cursor["location"]) == (MANY, mailbox.location_digest)


def test_a_retry_of_renumbered_messages_fails_them_as_renumbered(box: tuple[Server, Mailbox]) -> None:
    _server, mailbox = box
    run = start_sync(mailbox, mode="selected")
    run.items.create(key="6:3", subject="An old one", sender="a@b.test")
    run.items.create(key="7:4", subject="mail 4", sender="a@b.test")
    run = work_through(run, sync_mailbox)
    assert (run.status, run.processed, run.total, run.failed) == ("completed", 2, 2, 1)
    old = run.items.get(key="6:3")
    assert (old.status, old.error_code, old.subject) == ("failed", "renumbered", "An old one")


def test_failed_messages_are_not_looked_for_in_another_account(business_a: Business) -> None:
    with served_mails(business_a, [b"No mail", mail(2)]) as (_server, mailbox):
        run = work_through(start_sync(mailbox), sync_mailbox)
        mailbox.host = "localhost"
        mailbox.save()
        again = work_through(dispatch.retry_failed(run, None), sync_mailbox)
    [item] = again.items.all()
    assert (again.status, item.key, item.error_code) == ("completed", "7:1", "renumbered")


# What a mailbox remembers


def test_a_mailbox_remembers_that_it_was_opened(box: tuple[Server, Mailbox]) -> None:
    _server, mailbox = box
    assert not mailbox.has_been_opened
    work_through(start_sync(mailbox, mode="range", from_date=FIRST_DAY.date(), to_date=FIRST_DAY.date()), sync_mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.uidvalidity, mailbox.last_uid) == (7, 0)


@pytest.mark.parametrize(
    "change", [{"host": "b.test"}, {"port": 993}, {"security": "ssl"}, {"username": "noa"}, {"folder": "Archive"}]
)
def test_a_mailbox_that_moved_to_another_server_is_read_from_its_start(lonely: Mailbox, change: dict[str, Any]) -> None:
    lonely.mark_read(7, 40)
    Mailbox.objects.update_or_create(pk=lonely.pk, defaults={"name": "Another name", "secret": "x"})
    assert Mailbox.objects.get(pk=lonely.pk).last_uid == 40
    Mailbox.objects.update_or_create(pk=lonely.pk, defaults=change)
    mailbox = Mailbox.objects.get(pk=lonely.pk)
    assert (mailbox.has_been_opened, mailbox.last_uid) == (False, 0)


def test_a_mailbox_that_moved_during_a_sync_remembers_nothing_of_it(lonely: Mailbox) -> None:
    Mailbox.objects.update_or_create(pk=lonely.pk, defaults={"username": "noa"})
    lonely.mark_opened(7)
    lonely.mark_read(7, 40)
    mailbox = Mailbox.objects.get(pk=lonely.pk)
    assert (mailbox.has_been_opened, mailbox.last_uid) == (False, 0)

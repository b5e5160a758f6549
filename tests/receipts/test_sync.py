"""A sync of a real mailbox: receipts that it finds, messages that it skips, and that a second one adds none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from demo import mailboxes
from receipts.models import Mailbox, Receipt, ReceiptSyncRun
from receipts.sync import mailbox_sync
from receipts.sync.letter_processing import process_letter
from receipts.sync.mailbox_sync import sync_mailbox
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from tests.actors import read_run, work_through
from tests.post import served_mailbox, served_mails

pytestmark = pytest.mark.django_db(transaction=True)

SOME = slice(0, 60)


@pytest.fixture
def mailbox(business_a: Business) -> Iterator[Mailbox]:
    with served_mailbox(business_a, messages=SOME) as mailbox:
        yield mailbox


def run_sync(mailbox: Mailbox, **fields: Any) -> ReceiptSyncRun:
    run = dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox, **fields)
    return work_through(run, sync_mailbox)


def found() -> set[tuple[object, ...]]:
    return set(Receipt.objects.values_list("message_id", "vendor", "amount", "currency"))


def expected() -> set[tuple[object, ...]]:
    truths = mailboxes.truths(mailboxes.MAILBOX_A)
    clean = [mail for mail in mailboxes.corpus(mailboxes.MAILBOX_A)[SOME] if mail.message_id in truths]
    return {
        (mail.message_id, truth.vendor, truth.amount, truth.currency)
        for mail in clean
        for truth in truths[mail.message_id]
    }


def test_clean_receipts_are_read_right(mailbox: Mailbox) -> None:
    run = run_sync(mailbox)
    assert (run.status, run.processed, run.total) == ("completed", 60, 60)
    assert expected() <= found()
    assert run.items.count() == 60


def test_attachments_are_stored_under_their_own_hash(mailbox: Mailbox) -> None:
    run_sync(mailbox)
    attached = Receipt.objects.exclude(attachment_sha256="")
    assert attached
    for receipt in attached:
        name = str(receipt.file.name)
        assert receipt.attachment_sha256 in name
        assert default_storage.size(name) > 0


def test_a_second_sync_adds_nothing(mailbox: Mailbox) -> None:
    run_sync(mailbox)
    before = found()
    again = run_sync(Mailbox.objects.get(pk=mailbox.pk))
    assert (again.status, again.total) == ("completed", 0)
    whole = run_sync(mailbox, mode="full")
    assert whole.total == 60
    assert Receipt.objects.count() == len(found())
    assert found() == before


def test_after_renumbering_old_uids_are_not_used(mailbox: Mailbox) -> None:
    Mailbox.objects.filter(pk=mailbox.pk).update(uidvalidity=1, last_uid=10_000)
    assert run_sync(Mailbox.objects.get(pk=mailbox.pk)).total == 60


def test_a_range_selects_the_messages_of_its_days(mailbox: Mailbox) -> None:
    days = sorted(mail.received_at.date() for mail in mailboxes.corpus(mailboxes.MAILBOX_A)[SOME])
    first, last = days[10], days[20]
    run = run_sync(mailbox, mode="range", from_date=first, to_date=last)
    assert run.total == sum(first <= day <= last for day in days)
    mailbox.refresh_from_db()
    assert mailbox.last_uid == 0, "a range proves nothing about earlier messages"


def test_a_resumed_sync_neither_misses_nor_repeats_a_message(mailbox: Mailbox, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0

    def die_in_the_middle(run: ReceiptSyncRun, progress: Progress) -> None:
        real, calls = progress.checkpoint, iter(range(30))

        def checkpoint(*args: object, **kwargs: object) -> None:
            if next(calls, None) is None:
                raise SystemExit
            real(*args, **kwargs)  # type: ignore[arg-type]

        progress.checkpoint = checkpoint  # type: ignore[method-assign]
        sync_mailbox(run, progress)

    run = dispatch.start(ReceiptSyncRun, mailbox.business, mailbox=mailbox)
    with pytest.raises(SystemExit):
        work_through(run, die_in_the_middle)
    assert (read_run(run).status, read_run(run).processed) == ("running", 30)
    ReceiptSyncRun.objects.filter(pk=run.pk).fail("worker_lost", "gone")  # type: ignore[arg-type]
    dispatch.reopen(read_run(run), SYSTEM, "retry")
    run = work_through(run, sync_mailbox)
    assert (run.status, run.processed, run.total, run.attempt) == ("completed", 60, 60, 2)
    assert expected() <= found()
    assert Receipt.objects.count() == len(found())


def test_broken_messages_are_failed_items_with_their_reasons(business_a: Business) -> None:
    broken = [i for i, mail in enumerate(mailboxes.corpus(mailboxes.MAILBOX_A)) if mail.kind == "broken"]
    with served_mailbox(business_a, messages=slice(broken[0], broken[0] + 1)) as mailbox:
        run = run_sync(mailbox)
        assert (run.status, run.failed) == ("completed", 1)
        item = run.items.get()
        assert item.status == "failed"
        assert item.error_message
        again = work_through(dispatch.retry_failed(run, None), sync_mailbox)
        assert (again.mode, again.total, again.failed) == ("selected", 1, 1)


def test_a_poison_message_of_a_retry_is_counted_though_the_next_one_is_interrupted(
    business_a: Business, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0

    def die_in_the_last(run: ReceiptSyncRun, *args: Any, key: str, **others: Any) -> None:
        if key.endswith(":3") and run.attempt == 1:
            raise SystemExit
        process_letter(run, *args, key=key, **others)

    monkeypatch.setattr(mailbox_sync, "process_letter", die_in_the_last)
    with served_mails(business_a, [b"Subject: no receipt\r\n\r\nHello."] * 3) as (_server, mailbox):
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox, mode="selected")
        for uid in (1, 2, 3):
            run.items.create(key=f"7:{uid}")
        ReceiptSyncRun.objects.filter(pk=run.pk).update(poison_items=["7:2"])
        with pytest.raises(SystemExit):
            work_through(run, sync_mailbox)
        ReceiptSyncRun.objects.filter(pk=run.pk).reclaim()
        run = work_through(run, sync_mailbox)
    assert (run.status, run.processed, run.failed, run.total) == ("completed", 3, 1, 3)


@pytest.mark.parametrize("change", [{"secret": "wrong"}, {"port": 1}, {"folder": "Nowhere"}])
def test_a_mailbox_that_cannot_be_opened_rejects_the_run_with_a_message(
    mailbox: Mailbox, change: dict[str, object], settings: Settings
) -> None:
    settings.RECEIPTS_FIRST_CONTACT_SECONDS = 0
    for name, value in change.items():
        setattr(mailbox, name, value)
    mailbox.save()
    run = run_sync(mailbox)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert run.error_message.endswith(".")
    assert "Error" not in run.error_message
    assert "wrong" not in run.error_message, "the secret is not repeated"


def test_the_secret_is_encrypted_at_rest(mailbox: Mailbox) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM receipts_mailbox")
        assert mailboxes.PASSWORD not in cursor.fetchone()[0]
    assert Mailbox.objects.get(pk=mailbox.pk).secret == mailboxes.PASSWORD


def test_a_range_without_mail_completes(mailbox: Mailbox) -> None:
    run = run_sync(mailbox, mode="range", from_date=date(1999, 1, 1), to_date=date(1999, 1, 2))
    assert (run.status, run.total, run.progress_pct) == ("completed", 0, 100)

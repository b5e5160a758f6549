"""Whatever a stranger writes can be stored, and what can't fails its own message: the others of the mailbox arrive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DataError, connection, transaction
from django.test import Client
from pytest_django import Settings

from demo.mailboxes.mime import attachment, mail, multipart, text
from demo.mailboxes.papers import Paper, drawn, locked, with_hyphens_as_nul
from receipts.extraction.scan import Scanned, scan
from receipts.message.message import Contents
from receipts.models import Receipt, ReceiptSyncRun
from receipts.scanner.frames import decode_response, encode_scanned
from receipts.scanner.scanner import Scanner
from receipts.sync import letter_processing
from receipts.sync.finding_storage import document_path, store_documents, store_findings
from receipts.sync.mailbox_sync import sync_mailbox
from receipts.sync.storing import store_receipts
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from tests.actors import work_through
from tests.post import mailbox_at, served_mails
from tests.stepped_calls import Killed

pytestmark = pytest.mark.django_db(transaction=True)

BODY = text("Invoice number: AB-77\nInvoice date: 2024-05-01\nTotal due: $120.50\n")
WITH_NUL = with_hyphens_as_nul(["Invoice AB-77", "Total due: $120.50"])
PDF = drawn(Paper("Acme Ltd", ["Invoice number: AB-77"], [], [("Total due:", "$120.50")]))


def letter(
    number: int,
    part: bytes = BODY,
    *,
    sender: str = "billing@acme.test",
    subject: str = "Invoice",
    date: str = "",
) -> bytes:
    dated = [("Date", date)] if date else []
    return mail([("From", sender), ("Subject", subject), *dated, ("Message-ID", f"<{number}@acme.test>")], part)


def store(run: ReceiptSyncRun, raw: bytes) -> None:
    """Scan the mail and store its findings, without a mail server, a child process and files."""
    scanned = decode_response(encode_scanned(scan(raw, read_pdf=lambda content: Contents(""))))
    with transaction.atomic():
        store_findings(run, scanned)


def scan_invoice(run: ReceiptSyncRun) -> tuple[Scanned, str]:
    """A mail with a PDF, and the path at which that is stored."""
    raw = letter(1, multipart([attachment(PDF, "invoice.pdf", "application/pdf")]))
    scanned = scan(raw, read_pdf=lambda content: Contents("Invoice number: AB-77\nTotal due: $120.50"))
    [(document, _finding)] = scanned.findings
    assert document
    return scanned, document_path(run, document)


def run_sync(business: Business, raws: Sequence[bytes]) -> ReceiptSyncRun:
    with served_mails(business, raws) as (_server, mailbox):
        return work_through(dispatch.start(ReceiptSyncRun, business, mailbox=mailbox), sync_mailbox)


@pytest.mark.parametrize(
    "odd",
    [
        letter(1, subject="Invoice " + "ש" * 2_000),
        letter(1, sender=f'"{"n" * 900}" <{"a" * 900}@acme.test>'),
        letter(1, sender="n" * 900),
        letter(1, text("Invoice number: AB-77\nIssued by: " + "ß\u0130ﷺ" * 60 + "\nTotal due: $120.50\n")),
        letter(1, text("Invoice number: " + "7" * 300 + "\nInvoice: A\x00B\x00-7\nTotal due: $999999999.99\n")),
        letter(
            1,
            b"Content-Type: text/plain; charset=utf-7\r\n\r\nInvoice no. AB-77 +2D0-\nIssued by: +2D0-\nTotal: $5.00\n",
        ),
        letter(1, subject="Invoice \x00 =?utf-7?q?+2D0-?= =?utf-16?b?2D0=?="),
        letter(1, multipart([attachment(PDF, "ח" * 900 + ".pdf", "x/" + "y" * 900)])),
        letter(
            1, multipart([attachment(with_hyphens_as_nul(["Invoice AB-77", "Total due: $120.50"]), "a.pdf", "a/b")])
        ),
        letter(1).replace(b"<1@acme.test>", b"<" + b"i" * 3_000 + b">"),
        letter(1).replace(b"<1@acme.test>", b"\xff\xfe\x80 \x00"),
    ],
)
def test_too_long_or_unprintable_texts_are_stored_cut_and_cleaned(business_a: Business, odd: bytes) -> None:
    run = run_sync(business_a, [odd, letter(2)])
    assert (run.status, run.processed, run.succeeded) == ("completed", 2, 2)
    assert Receipt.objects.count() == 2
    assert all(item.subject.startswith("Invoice") for item in run.items.all())


def test_every_column_is_cut_in_one_place() -> None:
    texts = ("message_id", "subject", "sender", "vendor", "invoice_number", "filename", "content_type", "currency")
    receipt = Receipt(amount=Decimal("1e30"), confidence=Decimal("0.123456"))
    for name in texts:
        setattr(receipt, name, "\ud800\0ש" * 999)
    receipt.fit_columns()
    for name in texts:
        value = getattr(receipt, name)
        assert "\0" not in value
        assert len(value.encode().decode()) == getattr(Receipt._meta.get_field(name), "max_length"), name  # noqa: B009
    assert (receipt.amount, receipt.confidence) == (None, Decimal("0.12"))


@pytest.mark.parametrize(
    ("amount", "stored"),
    [
        ("9999999999.99", "9999999999.99"),
        ("9999999999.995", None),
        ("NaN", None),
        ("-Infinity", None),
        ("0.005", "0.00"),
    ],
)
def test_an_amount_with_too_many_digits_is_unknown(amount: str, stored: str | None) -> None:
    receipt = Receipt(amount=Decimal(amount))
    receipt.fit_columns()
    assert receipt.amount == (stored and Decimal(stored))


@pytest.fixture
def run(business_a: Business) -> ReceiptSyncRun:
    return dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox_at(business_a, port=1))


def test_the_charset_of_html_is_stored_for_its_preview(run: ReceiptSyncRun) -> None:
    page = b"<html>Acme Ltd<br>Invoice 70211<br>Invoice date: 2024-03-04<br>Total due: 479.50 \xa4</html>"
    for number, declared in enumerate(("; charset=ISO-8859-15", "; charset=x-klingon", "")):
        store(run, letter(number, attachment(page, "a.html", f"text/html{declared}")))
    stored = Receipt.objects.order_by("message_id").values_list("content_type", "currency")
    assert list(stored) == [("text/html; charset=iso8859-15", "EUR"), ("text/html", "ILS"), ("text/html", "ILS")]


@pytest.mark.parametrize(
    ("found", "other"),
    [
        ("for sure", {"sender": "Mallory Ltd <mallory@b.test>"}),
        ("in doubt", {"subject": "Invoice two"}),
        ("by an older extractor", {"date": "Thu, 02 May 2024 10:00:00 +0000"}),
    ],
)
def test_another_mail_with_the_same_message_id_is_a_receipt_of_its_own(
    run: ReceiptSyncRun, found: str, other: dict[str, str]
) -> None:
    genuine = {"sender": "Acme Ltd <billing@acme.test>", "subject": "Invoice"}
    currency = "" if found == "in doubt" else "$"
    mails = [
        letter(1, text(f"Invoice number: AB-77\nInvoice date: 2024-05-01\nTotal due: {currency}120.50\n"), **genuine),
        letter(1, text("Invoice number: AB-78\nInvoice date: 2024-05-02\nTotal due: $99.00\n"), **genuine | other),
    ]
    store(run, mails[0])
    assert Receipt.objects.get().needs_review is (found == "in doubt")
    if found == "by an older extractor":
        Receipt.objects.update(extractor_version=1)
    for raw in [*reversed(mails), *mails]:  # again: after a crash, in a full sync, from another folder
        store(run, raw)
    rows = Receipt.objects.order_by("pk").values_list("amount", "sender", "subject", "received_at__day")
    sender = "mallory@b.test" if "sender" in other else "billing@acme.test"
    assert list(rows) == [
        (Decimal("120.50"), "billing@acme.test", "Invoice", None),
        (Decimal("99.00"), sender, other.get("subject", "Invoice"), 2 if "date" in other else None),
    ]


def test_a_run_counts_the_receipts_that_it_found_first_and_its_page_lists_just_those(
    business_a: Business, member_a: User, client: Client
) -> None:
    other = drawn(Paper("Acme Ltd", ["Invoice number: AB-78"], [], [("Total due:", "$99.00")]))
    two = multipart([attachment(each, "a.pdf", "application/pdf") for each in (PDF, other)])
    first = run_sync(business_a, [letter(1), letter(2, two)])
    again = run_sync(business_a, [letter(1), letter(2, two), letter(3)])
    assert [run.about["result"] for run in (first, again)] == ["3 receipts", "1 receipt"]
    client.force_login(member_a)
    for query, count in (({"run": first.pk}, 3), ({"run": again.pk}, 1), ({}, 4)):
        page = client.get("/b/business-a/receipts/", query)
        assert page.context["receipts"].paginator.count == count
    assert client.get("/b/business-a/receipts/", {"run": "x"}).status_code == 404


def test_a_card_never_shows_receipts_of_messages_that_it_has_not_counted(
    business_a: Business, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are stored one by one, and the counters are written once a second."""
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 3600
    shown: list[tuple[int, int]] = []

    def store_and_look(run: ReceiptSyncRun, scanned: Scanned) -> int:
        new = store_findings(run, scanned)
        row = ReceiptSyncRun.objects.get(pk=run.pk)
        shown.append((row.receipts_found, row.processed))
        return new

    monkeypatch.setattr(letter_processing, "store_findings", store_and_look)
    run = run_sync(business_a, [letter(n, subject=f"Invoice {n}") for n in (1, 2, 3)])
    assert all(found <= processed for found, processed in shown), shown
    assert (run.receipts_found, run.processed) == (3, 3)


def test_receipts_that_a_crash_left_uncounted_are_counted_by_the_next_attempt(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_and_die(run: ReceiptSyncRun, scanned: Scanned) -> int:
        store_findings(run, scanned)
        raise Killed

    with served_mails(business_a, [letter(1), letter(2, subject="Invoice two")]) as (_server, mailbox):
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        with monkeypatch.context() as patch:
            patch.setattr(letter_processing, "store_findings", store_and_die)
            with pytest.raises(Killed):
                work_through(run, sync_mailbox)
        ReceiptSyncRun.objects.filter(pk=run.pk).reclaim(SYSTEM)
        assert work_through(run, sync_mailbox).receipts_found == Receipt.objects.count() == 2


def test_receipts_are_on_the_disk_once_they_are_stored(business_a: Business) -> None:
    """Or a crash of the server could lose them, and the attempt would go on behind their messages all the same."""
    run_sync(business_a, [letter(1)])
    receipt = Receipt.objects.get()
    receipt.message_id = "another@acme.test"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        before = cursor.fetchone()[0]
        with transaction.atomic():
            store_receipts([receipt])
        cursor.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", [before])
        assert cursor.fetchone() == (True,)
    assert Receipt.objects.count() == 2


def test_receipts_that_cannot_be_stored_fail_their_own_message(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_all_but_one(run: ReceiptSyncRun, scanned: Scanned) -> int:
        if scanned.message_id == "2@acme.test":
            raise DataError("value too long for its column")
        return store_findings(run, scanned)

    monkeypatch.setattr(letter_processing, "store_findings", store_all_but_one)
    run = run_sync(business_a, [letter(1), letter(2, subject="Invoice two"), letter(3)])
    assert (run.status, run.processed, run.failed) == ("completed", 3, 1)
    [failed] = run.items.filter(status="failed")
    assert (failed.key, failed.error_code, failed.subject) == ("7:2", "unexpected", "Invoice two")
    assert Receipt.objects.count() == 2


def test_a_column_that_postgresql_refuses_fails_its_own_message(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with the real error, were something not cut one day."""
    monkeypatch.setattr(Receipt, "fit_columns", lambda self: None)
    run = run_sync(business_a, [letter(1), letter(2, subject="Invoice " + "x" * 450), letter(3)])
    assert (run.status, run.processed, run.failed) == ("completed", 3, 1)
    assert Receipt.objects.count() == 2


def test_an_unreadable_part_is_recorded_on_its_done_item(business_a: Business) -> None:
    terms = attachment(locked(), "terms.pdf", "application/pdf")
    run = run_sync(business_a, [letter(1, multipart([attachment(PDF, "invoice.pdf", "application/pdf"), terms]))])
    item = run.items.get()
    assert (item.status, item.error_code, run.succeeded) == ("done", "pdf_encrypted", 1)
    assert item.error_message == "A PDF in this message is protected by a password."
    assert Receipt.objects.get().amount == Decimal("120.50")


def test_a_message_that_takes_too_long_fails_and_its_neighbours_do_not(
    business_a: Business, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = Scanner.scan

    def scan_in_haste(self: Scanner, raw: bytes) -> Scanned:
        if b"<2@acme.test>" not in raw:
            return scan(self, raw)
        settings.RECEIPTS_MESSAGE_SECONDS = 0.1
        with Scanner() as hasty:
            return scan(hasty, raw)

    monkeypatch.setattr(Scanner, "scan", scan_in_haste)
    heavy = text("Invoice\n" + ("$1 " * 130 + "\n") * 700)
    run = run_sync(business_a, [letter(1), letter(2, heavy), letter(3)])
    assert (run.status, run.processed, run.failed) == ("completed", 3, 1)
    [failed] = run.items.filter(status="failed")
    assert (failed.key, failed.error_code, failed.subject) == ("7:2", "timeout", "Invoice")


@pytest.mark.parametrize("left", [b"", PDF[:100], bytes(len(PDF))])
def test_a_file_that_a_crash_left_damaged_is_written_again(run: ReceiptSyncRun, left: bytes) -> None:
    scanned, path = scan_invoice(run)
    default_storage.save(path, ContentFile(left))
    store_documents(run, scanned)
    with default_storage.open(path) as file:
        assert file.read() == PDF


def test_documents_are_on_the_disk_before_their_receipts(run: ReceiptSyncRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a failure of the power could lose them, and the receipts would name files that aren't there."""
    synced: set[int] = set()
    fsync = os.fsync

    def note(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    scanned, path = scan_invoice(run)
    file = Path(default_storage.path(path))
    for _again in range(2):  # an attempt may have died between writing and syncing
        synced.clear()
        store_documents(run, scanned)
        assert {each.stat().st_ino for each in (file, *list(file.parents)[:4])} == synced
    assert file.parents[3] == Path(default_storage.path(""))

"""The promises about receipts, a mail for each, through a real sync: which receipts are stored, and which are not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image

from demo.mailboxes.mime import attachment, mail, multipart, text
from demo.mailboxes.papers import Paper, drawn
from receipts.models import Receipt, ReceiptSyncRun
from receipts.review import decisions
from receipts.sync.mailbox_sync import sync_mailbox
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through
from tests.post import served_mails
from tests.receipts.test_einvoice import ubl

pytestmark = pytest.mark.django_db(transaction=True)

SURE, DOUBTFUL = False, True


@dataclass(frozen=True)
class Promise:
    """A mail, and what must become of it: amount, currency and whether a person must review it; None for no receipt."""

    name: str
    body: str
    stored: tuple[str | None, str, bool] | None
    subject: str = "Invoice"
    sender: str = "Acme Ltd <billing@acme.test>"
    part: bytes = b""
    facts: tuple[tuple[str, Any], ...] = ()


def paper(*lines: str) -> bytes:
    return attachment(drawn(Paper("Weber GmbH", list(lines), [], [])), "scan001.pdf", "application/pdf")


def scanned_picture(kind: str, name: str, mime: str) -> bytes:
    file = BytesIO()
    Image.effect_noise((620, 877), 80).convert("RGB").save(file, kind)
    return attachment(file.getvalue(), name, mime)


LOGO = attachment(b"\x89PNG\r\n\x1a\n" + b"logo" * 50, "logo.png", "image/png")

PROMISES = (
    # Amounts
    Promise("a count before it", "Total 7 $479.50", ("479.50", "USD", SURE)),
    Promise("a count before shekels", 'סה"כ 5 ₪1,200.00', ("1200.00", "ILS", SURE)),
    Promise("an earlier price", "Total $400.00 $479.50", ("479.50", "USD", DOUBTFUL)),
    Promise("instalments", 'סה"כ לתשלום 3 תשלומים ₪100.00 ₪300.00', ("300.00", "ILS", DOUBTFUL)),
    Promise("spaces", "Total: 1 479,50 EUR", ("1479.50", "EUR", SURE)),
    Promise("apostrophes", "Total: 1'479.50 CHF", ("1479.50", "", DOUBTFUL)),
    Promise("points", "Total: 1.479,50 €", ("1479.50", "EUR", SURE)),
    Promise("a minus", "Total: -$479.50", ("-479.50", "USD", SURE), facts=(("is_refund", True),)),
    Promise("brackets", "Total: ($479.50)", ("-479.50", "USD", SURE), facts=(("is_refund", True),)),
    Promise(
        "a credit note", "Total: $50.00", ("-50.00", "USD", SURE), subject="Credit note", facts=(("is_refund", True),)
    ),
    Promise(
        "a credit note whose sum is in the mail",
        "Total: $50.00",
        ("-50.00", "USD", DOUBTFUL),
        part=paper("Credit note CN-1"),
        facts=(("is_refund", True), ("review_reasons", ["taken_from_mail"])),
    ),
    # Not receipts
    Promise("a failed payment", "Your payment failed. Total: $50.00", None, subject="Payment failed for invoice 12"),
    Promise("a reminder", "Total due $50.00", None, subject="Reminder: invoice 12 is overdue"),
    Promise("thanks", "We received your invoice 12, total $50.00", None, subject="We received your invoice"),
    Promise("a quote", "Quote 12\nTotal: $50.00", None, subject="Quote 12"),
    Promise(
        "a reply", "Thanks.\n\nOn May 1 Acme wrote:\n> Invoice 12\n> Total: $50.00", None, subject="Re: Invoice 12"
    ),
    # Skipped before
    Promise(
        "PayPal",
        "You sent a payment of $12.50 USD to Foo Ltd\nTotal: $12.50 USD",
        ("12.50", "USD", SURE),
        subject="Receipt for your payment to Foo Ltd",
    ),
    Promise(
        "a renewal",
        "Your plan was renewed. We charged $20.00 to your card.",
        ("20.00", "USD", SURE),
        subject="Your subscription has been renewed",
    ),
    Promise(
        "German",
        "",
        ("1479.51", "EUR", SURE),
        "Hi",
        part=paper("Rechnung", "Rechnungsnummer: RE-9", "Rechnungsdatum: 01.05.2026", "Gesamtbetrag: 1.479,51 EUR"),
    ),
    Promise(
        "Dutch",
        "",
        ("1479.52", "EUR", SURE),
        "Hi",
        part=paper("Factuur", "Factuurnummer: F-99", "Factuurdatum: 01-05-2026", "Totaal: 1.479,52 EUR"),
    ),
    Promise(
        "French",
        "",
        ("1479.53", "EUR", SURE),
        "Hi",
        part=paper("Facture", "Facture no 2026-99", "Date : 01/05/2026", "Total TTC : 1 479,53 EUR"),
    ),
    Promise(
        "Spanish",
        "",
        ("1479.54", "EUR", SURE),
        "Hi",
        part=paper("Factura", "Factura 2026-99", "Fecha: 01/05/2026", "Total: 1.479,54 EUR"),
    ),
    Promise(
        "Italian",
        "",
        ("1479.55", "EUR", SURE),
        "Hi",
        part=paper("Fattura", "Fattura n. 2026-99", "Data: 01/05/2026", "Totale: 1.479,55 EUR"),
    ),
    Promise("undecodable fonts", "", (None, "", DOUBTFUL), "Hi", part=paper(*["(cid:12)(cid:0)(cid:33)(cid:4)"] * 9)),
    Promise(
        "a scan with a neutral name",
        "",
        (None, "", DOUBTFUL),
        "Hi",
        "Dana Cohen <dana@gmail.com>",
        scanned_picture("JPEG", "IMG_1.jpg", "image/jpeg"),
    ),
    # Other facts
    Promise(
        "a long number",
        "Invoice number: 42A5DE55-0071\nTotal: $1.00",
        ("1.00", "USD", SURE),
        facts=(("invoice_number", "42A5DE55-0071"),),
    ),
    Promise(
        "a longer number",
        f"Invoice number: {'A1' * 16}\nTotal: $2.00",
        ("2.00", "USD", SURE),
        facts=(("invoice_number", "A1" * 16),),
    ),
    *(
        Promise(
            number,
            f'חשבונית מספר: {number}\nסה"כ: ₪{cents}.00',
            (f"{cents}.00", "ILS", SURE),
            "חשבונית",
            facts=(("invoice_number", number),),
        )
        for cents, number in enumerate(("65f1a2b3c4d5", "3A-778"), start=3)
    ),
    Promise(
        "a customer",
        "Seller: Weber GmbH\nBuyer: Kolman Ltd\nTotal: 6.00 EUR",
        ("6.00", "EUR", SURE),
        facts=(("vendor", "Acme Ltd"),),
    ),
    Promise("a logo", "Thanks", None, "Hi", part=LOGO),
    # Review
    Promise(
        "a picture in a PDF, and a sum in the mail",
        "Total: $999.00",
        ("999.00", "USD", DOUBTFUL),
        part=scanned_picture("PDF", "scan.pdf", "application/pdf"),
        facts=(("confidence", Decimal("0.50")), ("review_reasons", ["unread_document"])),
    ),
    Promise(
        "another sum in the mail",
        "Total: $998.00",
        ("997.00", "USD", DOUBTFUL),
        part=paper("Invoice number: AB-77", "Invoice date: 2026-05-01", "Total: $997.00"),
        facts=(("review_reasons", ["disagrees_with_mail"]),),
    ),
    # E-invoices
    Promise(
        "XML",
        "",
        ("119.00", "EUR", SURE),
        "Hi",
        part=attachment(ubl(), "rechnung.xml", "application/xml"),
        facts=(("invoice_number", "RE-7/2024"),),
    ),
)


def raw(number: int, promise: Promise) -> bytes:
    number_line = "" if "number" in promise.body or "מספר" in promise.body else f"Invoice number: AB-{number}\n"
    body = text(promise.body and f"{number_line}Invoice date: 2026-05-01\n{promise.body}")
    headers = [("From", promise.sender), ("To", "dana@b.test"), ("Subject", promise.subject)]
    headers += [("Date", "Fri, 01 May 2026 10:00:00 +0000"), ("Message-ID", f"<{number}@acme.test>")]
    return mail(headers, multipart([body, promise.part]) if promise.part else body)


def test_a_sync_fulfils_each_promise_and_the_next_overwrites_no_decision(business_a: Business, member_a: User) -> None:
    mails = [raw(number, promise) for number, promise in enumerate(PROMISES)]
    with served_mails(business_a, mails) as (_server, mailbox):
        run = work_through(dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox), sync_mailbox)
        assert (run.status, run.failed) == ("completed", 0)
        assert what_differs(business_a) == []
        assert not Receipt.objects.duplicates().exists()

        # As an older extractor would have read them, of which people have decided about three
        Receipt.objects.update(extractor_version=1, amount=Decimal("7.77"), is_refund=False)
        corrected, approved, rejected, *untouched = Receipt.objects.order_by("pk")
        decisions.correct_receipt(corrected, {"amount": Decimal("8.88")}, member_a)
        decisions.approve_receipt(approved, member_a)
        decisions.reject_receipt(rejected, member_a)
        run = work_through(
            dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox, mode=ReceiptSyncRun.Mode.FULL), sync_mailbox
        )
    decided = [(row.review_status, str(row.amount)) for row in Receipt.objects.order_by("pk")[:3]]
    assert decided == [("corrected", "8.88"), ("approved", "7.77"), ("rejected", "7.77")]
    assert len(what_differs(business_a)) == 3
    assert Receipt.objects.count() == 3 + len(untouched)


def what_differs(business: Business) -> list[tuple[str, Any, Any]]:
    """Each promise that is broken, with the promised and the stored values."""
    rows = {row.message_id: row for row in business.receipts.all()}
    differing: list[tuple[str, Any, Any]] = []
    for number, promise in enumerate(PROMISES):
        row = rows.get(f"{number}@acme.test")
        stored = row and (None if row.amount is None else str(row.amount), row.currency, row.needs_review)
        facts = tuple((name, getattr(row, name)) for name, _value in promise.facts)
        if (stored, facts) != (promise.stored, promise.facts):
            differing.append((promise.name, (promise.stored, promise.facts), (stored, facts)))
        elif row and bool(row.message_text) != bool(promise.body and (row.needs_review or not row.file)):
            differing.append((promise.name, "the text of the mail, where a reviewer needs it", row.message_text))
    return differing

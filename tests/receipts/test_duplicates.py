"""One purchase once: what is linked to what, and what stays apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from receipts.models import Receipt
from receipts.review import decisions
from receipts.review.comparison_keys import normalize_number, normalize_vendor
from receipts.review.purchase_comparison import is_one_purchase
from receipts.sync.storing import store_receipts
from runs.models import Business

NUMBERS = count(1)
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def build_receipt(**fields: Any) -> Receipt:
    """A receipt in a mail of its own."""
    known = {
        "vendor": "Acme Ltd",
        "amount": Decimal("50"),
        "currency": "USD",
        "issued_on": MAY,
        "invoice_number": "INV-17",
    }
    return Receipt(**{"message_id": f"<{next(NUMBERS)}@x>", **known, **fields})


SHA = "a" * 64


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # The same invoice in several mails, and forwarded
        ({}, {}, True),
        ({}, {"vendor": "ACME"}, True),
        ({}, {"vendor": "billing.acme.com", "invoice_number": "inv 17"}, True),
        ({}, {"vendor": "Acme Cloud Services"}, True),
        ({}, {"vendor": ""}, True),
        ({}, {"issued_on": None}, True),
        ({}, {"vendor": "Dana Cohen"}, True),  # who passed it on
        ({"attachment_sha256": SHA}, {"attachment_sha256": SHA, "vendor": "Dana", "invoice_number": ""}, True),
        ({"attachment_sha256": SHA, "amount": None}, {"attachment_sha256": SHA, "amount": None}, True),
        # Another purchase
        ({}, {"issued_on": JUNE, "invoice_number": "INV-18"}, False),  # the next month
        ({}, {"issued_on": JUNE}, False),
        ({}, {"invoice_number": "INV-18"}, False),
        ({}, {"amount": Decimal("50.01")}, False),
        ({}, {"currency": "EUR"}, False),
        ({}, {"amount": Decimal(-50), "is_refund": True}, False),
        ({"amount": None}, {"amount": None}, False),
        ({"invoice_number": "17"}, {"invoice_number": "17", "vendor": "Other"}, False),
        ({"vendor": ""}, {"vendor": "", "issued_on": None}, False),
        ({"invoice_number": ""}, {"invoice_number": "", "vendor": "Other"}, False),
        ({"invoice_number": "", "issued_on": None}, {"invoice_number": "", "issued_on": None}, False),
        (
            {"attachment_sha256": SHA, "content_type": "image/png", "issued_on": None, "invoice_number": ""},
            {"attachment_sha256": SHA, "content_type": "image/png", "issued_on": None, "invoice_number": ""},
            False,  # the logo of every mail
        ),
        ({"attachment_sha256": SHA}, {"attachment_sha256": SHA, "issued_on": JUNE}, False),
        # Without a number
        ({"invoice_number": ""}, {}, True),
        ({"invoice_number": ""}, {"invoice_number": ""}, True),
        ({"invoice_number": ""}, {"invoice_number": "", "issued_on": JUNE}, False),
    ],
)  # fmt: skip
def test_two_mails_about_one_purchase_are_duplicates(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    first, second = build_receipt(**one), build_receipt(**other)
    assert is_one_purchase(first, second) == is_one_purchase(second, first) == same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            {"filename": "Invoice-17.pdf"},
            {"filename": "Receipt-9.pdf", "invoice_number": "9-1", "issued_on": JUNE},
            True,
        ),
        ({"filename": "חשבונית.pdf"}, {"filename": "קבלה.pdf", "invoice_number": "2"}, True),
        ({"invoice_number": "INV-1"}, {"invoice_number": "REC-1"}, True),
        ({"filename": "a.pdf"}, {"filename": "b.pdf"}, True),
        ({"filename": "a.pdf"}, {"filename": "b.pdf", "issued_on": JUNE}, True),
        ({"filename": "invoice_1.pdf"}, {"filename": "invoice_2.pdf", "invoice_number": "INV-18"}, False),
        ({"filename": "1.pdf"}, {"filename": "2.pdf", "invoice_number": "INV-18"}, False),
        ({"filename": "Invoice.pdf"}, {"filename": "Receipt.pdf", "vendor": "Other", "invoice_number": "9"}, False),
        ({"filename": "Invoice.pdf"}, {"filename": "Receipt.pdf", "amount": Decimal(7)}, False),
        ({"invoice_number": ""}, {"invoice_number": "", "issued_on": JUNE}, False),
    ],
)
def test_two_documents_of_one_mail_are_compared_as_well(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    first, second = build_receipt(message_id="<m>", **one), build_receipt(message_id="<m>", **other)
    assert is_one_purchase(first, second) == is_one_purchase(second, first) == same


def test_names_and_numbers_are_compared_without_spelling_differences() -> None:
    assert normalize_vendor('בזק בע"מ') == normalize_vendor("בזק") == "בזק"
    assert normalize_vendor("Acme, Inc.") == normalize_vendor("www.acme.co.uk") == "acme"
    assert normalize_vendor("The Co.") == "theco"
    assert normalize_vendor("") == normalize_vendor("…") == ""
    assert normalize_number("№ 42A5-DE/55") == normalize_number("no42a5de55")


def stored(business: Business, *receipts: Receipt) -> list[Receipt]:
    for receipt in receipts:
        receipt.business = business
        receipt.extractor_version = 2
    with transaction.atomic():
        store_receipts(receipts)
    return list(receipts)


def links(business: Business) -> list[int | None]:
    """What each receipt points to, by the place of both in the order of finding."""
    rows = list(business.receipts.order_by("pk").values_list("pk", "duplicate_of"))
    places: dict[int | None, int] = {pk: place for place, (pk, _original) in enumerate(rows)}
    return [places.get(original) for _pk, original in rows]


def test_the_receipt_that_was_found_first_is_the_original(business_a: Business, business_b: Business) -> None:
    stored(business_b, build_receipt())
    stored(
        business_a,
        build_receipt(message_id="<m>", attachment_sha256=SHA),
        build_receipt(message_id="<m>", attachment_sha256="b" * 64),
    )
    stored(business_a, build_receipt(issued_on=JUNE))
    stored(business_a, build_receipt())
    assert links(business_a) == [None, 0, None, 0]
    assert links(business_b) == [None], "another business knows nothing of it"
    assert [receipt.review_status for receipt in business_a.receipts.all()] == ["to_review"] * 4, "nothing is merged"


def test_receipts_that_a_person_unlinked_are_never_linked_again(business_a: Business, member_a: User) -> None:
    first, second = stored(business_a, build_receipt()) + stored(business_a, build_receipt())
    decisions.correct_receipt(second, {"duplicate_of": None}, member_a)
    again = build_receipt(message_id=second.message_id, confidence=Decimal("0.5"))
    stored(business_a, again)
    assert Receipt.objects.get(pk=second.pk).confidence == Decimal("0.5"), "its facts are read better all the same"
    stored(business_a, build_receipt(message_id=first.message_id, confidence=Decimal("0.5")))
    stored(business_a, build_receipt())
    assert links(business_a) == [None, None, 0]


def test_a_correction_links_and_unlinks(business_a: Business, member_a: User) -> None:
    first, second = stored(business_a, build_receipt(amount=Decimal(40))) + stored(business_a, build_receipt())
    assert links(business_a) == [None, None]
    decisions.correct_receipt(first, {"amount": Decimal(50)}, member_a)
    assert links(business_a) == [None, 0]
    stored(business_a, build_receipt())
    assert links(business_a) == [None, 0, 0]
    decisions.correct_receipt(first, {"amount": Decimal(60)}, member_a)
    assert links(business_a) == [None, None, 1], "those that were like it are still like each other"
    decisions.correct_receipt(second, {"amount": Decimal(60)}, member_a)
    assert links(business_a) == [None, 0, None]


def test_after_a_rejection_the_next_receipt_is_the_original(business_a: Business, member_a: User) -> None:
    first, _second, third = [receipt for _n in range(3) for receipt in stored(business_a, build_receipt())]
    decisions.reject_receipt(first, member_a)
    assert links(business_a) == [None, None, 1]
    stored(business_a, build_receipt())
    assert links(business_a) == [None, None, 1, 1], "a rejected receipt is no original"
    decisions.approve_receipt(first, member_a)
    assert links(business_a) == [None, 0, 0, 0]
    assert third.corrections.count() == 0, "only decisions of people are recorded"


def test_two_invoices_are_no_duplicates_through_a_notice_without_number(business_a: Business, member_a: User) -> None:
    notice = {"invoice_number": ""}
    for known in ({}, {"invoice_number": "INV-18"}, notice):
        stored(business_a, build_receipt(**known))
    assert links(business_a) == [None, None, 0]
    decisions.approve_receipt(Receipt.objects.earliest("pk"), member_a)
    assert links(business_a) == [None, None, 0]
    Receipt.objects.all().delete()
    for known in (notice, {}, {"invoice_number": "INV-18"}, {}):
        stored(business_a, build_receipt(**known))
    assert links(business_a) == [None, 0, None, 0]


def test_a_link_through_a_third_receipt_ends_with_the_match_of_that_receipt(
    business_a: Business, member_a: User
) -> None:
    unnumbered, passed_on = {"invoice_number": ""}, {"vendor": "Dana Cohen"}
    for known in (unnumbered, {**passed_on, "amount": Decimal(60)}, {}, passed_on):
        stored(business_a, build_receipt(**known))
    _first, second, third, _fourth = Receipt.objects.order_by("pk")
    assert links(business_a) == [None, None, 0, 0]
    decisions.correct_receipt(second, {"amount": Decimal(50)}, member_a)
    assert links(business_a) == [None, 0, 0, 0]
    decisions.correct_receipt(third, {"amount": Decimal(70)}, member_a)
    assert links(business_a) == [None, None, None, 1]


def test_a_forwarded_receipt_is_linked_with_the_invoice_of_its_original(business_a: Business) -> None:
    invoice, receipt = {"filename": "Invoice.pdf"}, {"filename": "Receipt.pdf", "invoice_number": "9-1"}
    stored(
        business_a,
        build_receipt(message_id="<m>", attachment_sha256=SHA, **invoice),
        build_receipt(message_id="<m>", attachment_sha256="b" * 64, **receipt),
    )
    stored(business_a, build_receipt(**receipt))
    assert links(business_a) == [None, 0, 0]


def test_a_rejected_duplicate_is_the_original_of_no_receipt(business_a: Business, member_a: User) -> None:
    first, second, _third = [receipt for _n in range(3) for receipt in stored(business_a, build_receipt())]
    decisions.reject_receipt(second, member_a)
    decisions.reject_receipt(first, member_a)
    assert links(business_a) == [None, 2, None]


def test_the_command_links_receipts_that_no_sync_has_compared(
    business_a: Business, business_b: Business, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [build_receipt(business=business_a) for _n in range(3)] + [build_receipt(business=business_b)]
    Receipt.objects.bulk_create(rows)
    for _again in range(2):
        call_command("link_duplicates")
        assert (links(business_a), links(business_b)) == ([None, 0, 0], [None])
    assert "Business A: 2 duplicates" in capsys.readouterr().out
    rows[0].delete()
    call_command("link_duplicates")
    assert links(business_a) == [None, 0], "an original that was deleted leaves its duplicates to the first of them"


def test_a_newer_extractor_corrects_the_links(business_a: Business) -> None:
    _first, [second] = stored(business_a, build_receipt()), stored(business_a, build_receipt(invoice_number="INV-1"))
    assert links(business_a) == [None, None]
    stored(business_a, build_receipt(message_id=second.message_id))
    assert links(business_a) == [None, 0]
    stored(business_a, build_receipt(message_id=second.message_id, invoice_number="INV-18"))
    assert links(business_a) == [None, None]


def test_new_receipts_of_many_messages_cost_two_round_trips(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        stored(business_a, build_receipt(issued_on=date(2026, 1, 1 + number), invoice_number=f"INV-{number}"))
    trips: list[int] = []

    def note(connection: psycopg.Connection) -> AbstractContextManager[psycopg.Pipeline]:
        trips.append(1)
        return pipeline(connection)

    pipeline = psycopg.Connection.pipeline
    monkeypatch.setattr(psycopg.Connection, "pipeline", note)
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        store_receipts([build_receipt(business=business_a, invoice_number=f"INV-{name}") for name in "abc"])
    assert (len(trips), len(queries)) == (2, 0), "the lock with the rows, and those that may be the same"

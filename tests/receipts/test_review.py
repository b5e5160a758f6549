"""What a person decides about a receipt stays: corrected, approved, rejected, linked, with who and when."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError, connection, transaction
from rest_framework.test import APIClient

from receipts.extraction.scan import EXTRACTOR_VERSION
from receipts.models import Receipt, ReceiptCorrection
from receipts.review import decisions
from receipts.sync.storing import mark_outdated_for_review, message_ids_of, store_receipts
from runs.models import Business
from tests.sessions import is_any_session_waiting
from tests.workers import until

FACTS = {"vendor": "Bezeq", "amount": "99.90", "currency": "ILS", "issued_on": "2026-05-01", "invoice_number": "44-11"}


def make(business: Business, number: int = 1, **fields: Any) -> Receipt:
    return Receipt.objects.create(business=business, message_id=f"<{number}@x>", **{**FACTS, **fields})


@pytest.fixture
def receipt(business_a: Business) -> Receipt:
    return make(business_a, review_reasons=["no_date", "of_tomorrow"])


def url(receipt: Receipt, verb: str = "") -> str:
    return f"/api/receipts/{receipt.pk}/{verb}"


def history(receipt: Receipt) -> list[tuple[str, str, str, str]]:
    return list(receipt.corrections.values_list("field", "old_value", "new_value", "user_name"))


def problem(answer: Any) -> tuple[int, Any, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["attr"], error["code"]


# Reading


def test_a_receipt_shows_why_it_needs_review(as_member_a: APIClient, receipt: Receipt) -> None:
    row = as_member_a.get(url(receipt)).json()
    assert (row["needs_review"], row["review_status"], row["corrections"]) == (True, "to_review", [])
    assert row["review_reasons"] == [
        {"code": "no_date", "message": "No date was found."},
        {"code": "of_tomorrow", "message": ""},
    ]
    assert (row["duplicate_of"], row["is_refund"], row["version"]) == (None, False, 1)


def test_receipts_are_filtered_by_need_of_review(as_member_a: APIClient, receipt: Receipt, member_a: User) -> None:
    sure = make(receipt.business, 2, needs_review=False)
    rejected = decisions.reject_receipt(make(receipt.business, 3), member_a)
    copy = make(receipt.business, 4, needs_review=False, duplicate_of=sure)

    def listed(**query: str) -> list[int]:
        answer = as_member_a.get("/api/receipts/", {"business": "business-a", **query})
        return [row["id"] for row in answer.json()["results"]]

    assert listed(needs_review="true") == [receipt.pk]
    assert listed(needs_review="false") == [copy.pk, rejected.pk, sure.pk]
    assert listed(review_status="rejected") == [rejected.pk]
    assert listed(duplicates="true") == [copy.pk]
    assert listed(duplicates="false", needs_review="false") == [rejected.pk, sure.pk]


@pytest.mark.parametrize(
    ("name", "value"),
    [("needs_review", "maybe"), ("duplicates", ""), ("review_status", "gone"), ("vendor", "x"), ("from_dat", "x")],
)
def test_an_invalid_filter_is_named(as_member_a: APIClient, receipt: Receipt, name: str, value: str) -> None:
    answer = as_member_a.get("/api/receipts/", {"business": "business-a", name: value})
    assert problem(answer)[:2] == (400, name)
    assert as_member_a.get("/api/receipts/?business=business-a&page_size=5&lang=he").status_code == 200


# Deciding


def test_a_correction_is_stored_with_its_author_and_time(
    as_member_a: APIClient, receipt: Receipt, member_a: User
) -> None:
    facts = {"amount": "-120.00", "vendor": " Bezeq ", "issued_on": None, "invoice_number": "44-12"}
    row = as_member_a.patch(url(receipt), {**facts, "is_refund": True}).json()
    assert (row["amount"], row["vendor"], row["issued_on"], row["is_refund"]) == ("-120.00", "Bezeq", None, True)
    assert (row["needs_review"], row["review_status"], row["version"]) == (False, "corrected", 2)
    changed = [(each["field"], each["old_value"], each["new_value"], each["user"]) for each in row["corrections"]]
    assert (
        changed
        == history(receipt)
        == [
            ("amount", "99.90", "-120.00", "member-a"),
            ("issued_on", "2026-05-01", "", "member-a"),
            ("invoice_number", "44-11", "44-12", "member-a"),
            ("is_refund", "false", "true", "member-a"),
            ("review_status", "to_review", "corrected", "member-a"),
        ]
    )
    assert row["corrections"][0]["created_at"]
    member_a.delete()
    assert {each[3] for each in history(receipt)} == {"member-a"}, "the name stays when the account is gone"


@pytest.mark.parametrize(
    ("changes", "amount", "is_refund"),
    [
        ({"amount": "-5"}, "-5.00", True),
        ({"is_refund": True}, "-99.90", True),
        ({"amount": "-5", "is_refund": True}, "-5.00", True),
        ({"amount": "0", "is_refund": True}, "0.00", True),
        ({"amount": None, "is_refund": True}, None, True),
        ({"amount": "99.90", "is_refund": False}, "99.90", False),
    ],
)
def test_a_refund_is_negative_and_nothing_else_is(
    as_member_a: APIClient, receipt: Receipt, changes: dict[str, Any], amount: str | None, is_refund: bool
) -> None:
    row = as_member_a.patch(url(receipt), changes).json()
    assert (row["amount"], row["is_refund"]) == (amount, is_refund)
    back = as_member_a.patch(url(receipt), {"is_refund": False} if amount else {"amount": "99.90"}).json()
    assert (back["amount"], back["is_refund"]) == ((amount or "99.90").lstrip("-"), False)


@pytest.mark.parametrize("changes", [{"amount": "-5", "is_refund": False}, {"amount": "5", "is_refund": True}])
def test_an_amount_that_contradicts_the_refund_is_refused(
    as_member_a: APIClient, receipt: Receipt, changes: dict[str, Any]
) -> None:
    assert problem(as_member_a.patch(url(receipt), changes))[:2] == (400, "is_refund")
    assert amount_of(receipt) == "99.90"


def test_the_text_of_the_mail_is_only_in_the_detail_of_a_receipt(as_member_a: APIClient, business_a: Business) -> None:
    receipt = make(business_a, message_text="You paid 99.90")
    assert as_member_a.get(url(receipt)).json()["message_text"] == "You paid 99.90"
    [listed] = as_member_a.get("/api/receipts/", {"business": "business-a"}).json()["results"]
    assert "message_text" not in listed


def test_an_unchanged_value_is_no_correction(as_member_a: APIClient, receipt: Receipt) -> None:
    row = as_member_a.patch(url(receipt), {"amount": "99.9", "currency": "ILS"}).json()
    assert (row["review_status"], row["version"], row["corrections"]) == ("to_review", 1, [])


def test_decisions_can_be_changed_and_all_are_recorded(as_member_a: APIClient, receipt: Receipt) -> None:
    assert as_member_a.post(url(receipt, "approve/")).json()["review_status"] == "approved"
    assert problem(as_member_a.post(url(receipt, "approve/"))) == (409, None, "wrong_state")
    assert as_member_a.post(url(receipt, "reject/")).json()["review_status"] == "rejected"
    assert problem(as_member_a.post(url(receipt, "reject/"))) == (409, None, "wrong_state")
    assert as_member_a.patch(url(receipt), {"vendor": "Cellcom"}).json()["review_status"] == "corrected"
    assert as_member_a.post(url(receipt, "approve/")).json()["needs_review"] is False
    assert [new for field, _old, new, _who in history(receipt) if field == "review_status"] == [
        "approved", "rejected", "corrected", "approved"
    ]  # fmt: skip


def test_a_decision_about_an_older_version_is_refused(as_member_a: APIClient, receipt: Receipt) -> None:
    as_member_a.patch(url(receipt), {"amount": "1.00", "version": 1})
    for answer in (
        as_member_a.patch(url(receipt), {"amount": "2.00", "version": 1}),
        as_member_a.post(url(receipt, "approve/"), {"version": 1}),
        as_member_a.post(url(receipt, "reject/"), {"version": 1}),
    ):
        assert problem(answer) == (409, None, "changed_meanwhile")
    assert as_member_a.patch(url(receipt), {"amount": "2.00", "version": 2}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
         ("amount", "1e999"), ("amount", "NaN"), ("amount", "1.234"), ("amount", 12345678901.5),
        ("amount", True), ("amount", 0.1 + 0.2), ("amount", [1]),
        ("vendor", "x" * 201), ("vendor", "a\0b"),  ("vendor", None), ("vendor", {"x": 1}),
        ("currency", "XXX"), ("currency", 7), ("issued_on", "2026-02-30"), ("issued_on", "0001-01-01"),
        ("invoice_number", "7" * 65), ("is_refund", "yes"), ("is_refund", 1),
        ("duplicate_of", 10**30), ("duplicate_of", "x"), ("duplicate_of", 0), ("version", 0), ("version", 10**12),
        ("ammount", "1.00"), ("confidence", "1.00"), ("business", 1),
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused_and_its_field_named(
    as_member_a: APIClient, receipt: Receipt, field: str, value: Any
) -> None:
    answer = as_member_a.patch(url(receipt), {field: value, "currency" if field != "currency" else "vendor": "USD"})
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert field in {error["attr"] for error in errors}, errors
    assert not ReceiptCorrection.objects.exists()
    assert Receipt.objects.get().currency == "ILS", "all of it or nothing"


def test_bodies_that_are_no_objects_are_refused(as_member_a: APIClient, receipt: Receipt) -> None:
    for body in ("[]", "7", '"x"', "{", '{"amount": 1e999}', '{"amount": Infinity}', r'{"vendor": "\ud800"}'):
        for verb, send in (("", as_member_a.patch), ("approve/", as_member_a.post), ("reject/", as_member_a.post)):
            assert send(url(receipt, verb), body, content_type="application/json").status_code == 400, (body, verb)


def test_another_business_can_neither_read_nor_decide(as_member_b: APIClient, receipt: Receipt) -> None:
    for answer in (
        as_member_b.get(url(receipt)),
        as_member_b.patch(url(receipt), {"amount": "x"}),
        as_member_b.post(url(receipt, "approve/"), {"version": "x"}),
        as_member_b.post(url(receipt, "reject/")),
    ):
        assert answer.status_code == 404
    assert not ReceiptCorrection.objects.exists()


@pytest.mark.django_db
def test_the_database_itself_guards_the_history_and_the_flag(receipt: Receipt, member_a: User) -> None:
    decisions.approve_receipt(receipt, member_a)
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        ReceiptCorrection.objects.update(new_value="rejected")
    with pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.update(needs_review=True)


# Linking by hand


def test_a_person_links_and_unlinks(as_member_a: APIClient, receipt: Receipt) -> None:
    other, third = make(receipt.business, 2, amount="5"), make(receipt.business, 3, amount="6", duplicate_of=receipt)
    row = as_member_a.patch(url(receipt), {"duplicate_of": other.pk}).json()
    assert (row["duplicate_of"], row["review_status"]) == (other.pk, "to_review")
    third.refresh_from_db()
    assert third.duplicate_of_id == other.pk, "its own duplicates follow, a link is one step long"
    assert history(third) == [("duplicate_of", str(receipt.pk), str(other.pk), "member-a")]
    assert as_member_a.patch(url(receipt), {"duplicate_of": None}).json()["duplicate_of"] is None
    assert [(old, new) for _field, old, new, _who in history(receipt)] == [("", str(other.pk)), (str(other.pk), "")]


def test_an_impossible_link_is_refused(
    as_member_a: APIClient, receipt: Receipt, business_b: Business, member_a: User
) -> None:
    copy = make(receipt.business, 2, duplicate_of=receipt)
    rejected = decisions.reject_receipt(make(receipt.business, 3), member_a)
    foreign = make(business_b, 4)
    for pk in (foreign.pk, receipt.pk, copy.pk, rejected.pk, 2**62):
        answer = as_member_a.patch(url(receipt), {"duplicate_of": pk, "amount": "1.00"})
        assert problem(answer)[:2] == (400, "duplicate_of")
    receipt.refresh_from_db()
    assert (receipt.duplicate_of_id, str(receipt.amount)) == (None, "99.90")


# Beside a sync


def found_again(business: Business, **fields: Any) -> None:
    values = {**FACTS, "amount": 77, "needs_review": False, "extractor_version": EXTRACTOR_VERSION, **fields}
    with transaction.atomic():
        store_receipts([Receipt(business=business, message_id="<1@x>", **values)])


def amount_of(receipt: Receipt) -> str:
    receipt.refresh_from_db()
    return str(receipt.amount)


@pytest.mark.django_db
def test_a_newer_extractor_updates_undecided_receipts(receipt: Receipt) -> None:
    found_again(receipt.business, is_refund=True)
    assert (amount_of(receipt), receipt.is_refund, receipt.needs_review) == ("77.00", True, False)
    assert (receipt.review_status, receipt.review_reasons, receipt.version) == ("clear", [], 2)
    found_again(receipt.business, is_refund=True)
    assert (amount_of(receipt), receipt.version) == ("77.00", 2), "the same again writes nothing"
    found_again(receipt.business, amount=78, extractor_version=EXTRACTOR_VERSION - 1)
    assert amount_of(receipt) == "77.00", "an older one of another worker changes nothing"


@pytest.mark.django_db
def test_another_mail_with_the_same_id_replaces_no_sure_receipt(receipt: Receipt) -> None:
    found_again(receipt.business, needs_review=True)
    found_again(receipt.business, amount=78)
    assert amount_of(receipt) == "78.00", "what was doubtful may be read better another time"
    found_again(receipt.business, amount=1)
    assert amount_of(receipt) == "78.00"


@pytest.mark.django_db
@pytest.mark.parametrize("decide", [decisions.approve_receipt, decisions.reject_receipt])
def test_no_sync_overwrites_a_decision(receipt: Receipt, member_a: User, decide: Any) -> None:
    decided = decide(receipt, member_a)
    found_again(receipt.business)
    assert (amount_of(receipt), receipt.review_status) == ("99.90", decided.review_status)


@pytest.mark.django_db
def test_receipts_that_a_newer_extractor_does_not_find_are_reviewed(receipt: Receipt, member_a: User) -> None:
    sure = make(receipt.business, 1, attachment_sha256="b" * 64, needs_review=False)
    decided = decisions.approve_receipt(make(receipt.business, 1, attachment_sha256="c" * 64), member_a)
    elsewhere = make(receipt.business, 2, needs_review=False, amount=7)
    of_another_mail = make(receipt.business, 1, attachment_sha256="d" * 64, needs_review=False, sender="a@b.test")
    mail = Receipt(business=receipt.business, message_id="<1@x>")
    under_own_id = make(receipt.business, 3, needs_review=False)
    Receipt.objects.filter(pk=under_own_id.pk).update(message_id=message_ids_of(mail)[1])
    found_again(receipt.business)
    versions = []
    for _again in range(2):
        mark_outdated_for_review(mail, EXTRACTOR_VERSION)
        sure.refresh_from_db()
        versions.append(sure.version)
    assert (sure.needs_review, sure.review_reasons) == (True, ["not_certain_receipt"])
    assert versions[0] == versions[1]
    assert Receipt.objects.get(pk=under_own_id.pk).needs_review
    for kept in (receipt, elsewhere, of_another_mail):
        assert not Receipt.objects.get(pk=kept.pk).needs_review
    assert Receipt.objects.get(pk=decided.pk).review_status == "approved"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["person", "sync"])
def test_a_correction_wins_over_a_simultaneous_sync(receipt: Receipt, member_a: User, first: str) -> None:
    """The second waits for the first to commit; the person's correction wins in either order."""

    def sync() -> None:
        found_again(receipt.business)

    def person() -> None:
        decisions.correct_receipt(receipt, {"vendor": "Bezeq International"}, member_a)

    at_the_same_moment(person, sync) if first == "person" else at_the_same_moment(sync, person)
    amount = "99.90" if first == "person" else "77.00"
    assert (amount_of(receipt), receipt.vendor, receipt.review_status) == (amount, "Bezeq International", "corrected")


@pytest.mark.django_db(transaction=True)
def test_simultaneous_links_in_both_directions_make_no_circle(receipt: Receipt, member_a: User) -> None:
    other = make(receipt.business, 2, amount=7)

    def link_back() -> None:
        with pytest.raises(ValidationError, match="a duplicate itself"):
            decisions.correct_receipt(other, {"duplicate_of": receipt.pk}, member_a)

    at_the_same_moment(lambda: decisions.correct_receipt(receipt, {"duplicate_of": other.pk}, member_a), link_back)
    assert list(Receipt.objects.order_by("pk").values_list("duplicate_of", flat=True)) == [other.pk, None]


def at_the_same_moment(first: Callable[[], object], second: Callable[[], object]) -> None:
    """The second begins after the first has written and before it commits."""

    def elsewhere() -> None:
        try:
            second()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as sessions:
        with transaction.atomic():
            first()
            waiting = sessions.submit(elsewhere)
            until(is_any_session_waiting)
        waiting.result(10)

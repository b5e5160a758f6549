"""The pages on which people review receipts: the lists, one receipt, and what its form does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import expect

from receipts.models import Receipt
from receipts.review import decisions
from runs.models import Business
from tests.accessibility import SCREENSHOTS, find_violations
from tests.browser import Open

LIST = "/b/business-a/receipts/"
SEEN = {
    "vendor": "Bezeq", "amount": "99.90", "currency": "ILS", "issued_on": "2026-05-01", "invoice_number": "44-11",
    "version": "1",
}  # fmt: skip


def make(business: Business, number: int = 1, **fields: Any) -> Receipt:
    facts = {name: value for name, value in SEEN.items() if name != "version"} | {"invoice_number": f"44-1{number}"}
    return Receipt.objects.create(business=business, message_id=f"<{number}@x>", **{**facts, **fields})


@pytest.fixture
def receipt(business_a: Business) -> Receipt:
    return make(business_a, subject="<b>May</b>", message_text="Paid", review_reasons=["ambiguous_amount"])


@pytest.fixture
def as_a(client: Client, member_a: User) -> Client:
    client.force_login(member_a)
    return client


def address(receipt: Receipt) -> str:
    return f"{LIST}{receipt.pk}/"


def read_state(receipt: Receipt) -> tuple[str, str, list[str]]:
    receipt.refresh_from_db()
    return receipt.review_status, str(receipt.amount), [each.field for each in receipt.corrections.all()]


def test_the_list_shows_what_needs_review_and_why(as_a: Client, receipt: Receipt) -> None:
    sure = make(receipt.business, 2, vendor="Cellcom", needs_review=False)
    make(receipt.business, 3, vendor="Pelephone", needs_review=False, duplicate_of=sure)
    pages = {show: as_a.get(LIST, {"show": show}).content.decode() for show in ("", "review", "duplicates", "x")}
    for show, vendors in {"": "BCP", "review": "B", "duplicates": "P", "x": "BCP"}.items():
        listed = {name[0] for name in ("Bezeq", "Cellcom", "Pelephone") if f"<bdi>{name}</bdi>" in pages[show]}
        assert listed == set(vendors), show
    assert "The amount may be wrong." in pages["review"]
    assert f"Duplicate of No. {sure.pk}" in pages["duplicates"]
    assert 'aria-current="page">To review' in pages["review"]


def test_the_tab_stays_on_further_pages(as_a: Client, business_a: Business) -> None:
    Receipt.objects.bulk_create(Receipt(business=business_a, message_id=f"<{n}@x>") for n in range(30))
    assert "?show=review&amp;page=2#receipts" in as_a.get(LIST, {"show": "review"}).content.decode()


@pytest.mark.parametrize("run", ["9" * 5000, str(2**63), "x", "-1", "\u0663"])
def test_a_run_that_cannot_be_is_not_found(as_a: Client, receipt: Receipt, run: str) -> None:
    assert as_a.get(LIST, {"run": run}).status_code == 404


def test_one_receipt_after_the_other_is_reviewed(as_a: Client, receipt: Receipt) -> None:
    third, second = make(receipt.business, 2), make(receipt.business, 3)
    html = as_a.get(address(second)).content.decode()
    assert f'href="{address(third)}"' in html
    approved = as_a.post(address(second), {**SEEN, "invoice_number": "44-13", "action": "approve"})
    assert approved.headers["Location"] == address(third)
    assert read_state(second) == ("approved", "99.90", ["review_status"])
    page = as_a.post(address(third), {**SEEN, "amount": "100", "action": "approve"}, follow=True).content.decode()
    assert "Corrected: Bezeq 100.00 ILS" in page
    assert read_state(third) == ("corrected", "100.00", ["amount", "invoice_number", "review_status"])
    assert "&lt;b&gt;May&lt;/b&gt;" in page
    rejected = as_a.post(address(receipt), {"action": "reject"}, follow=True)
    assert rejected.redirect_chain == [(f"{LIST}?show=review", 302)]
    assert read_state(receipt)[0] == "rejected"
    assert "Nothing to review." in rejected.content.decode()


def test_mistakes_are_shown_beside_their_fields_and_nothing_is_saved(as_a: Client, receipt: Receipt) -> None:
    wrong = {
        "amount": "1e999", "vendor": "x" * 201, "currency": "XXX", "issued_on": "0001-01-01", "invoice_number": "a\0b"
    }  # fmt: skip
    for name, value in wrong.items():
        response = as_a.post(address(receipt), {**SEEN, name: value, "action": "approve"})
        assert response.status_code == 400, name
        if "\0" not in value:  # refused before any view
            assert f'id="id_{name}_error"' in response.content.decode(), name
    for name in ("1" * 40, "NaN", "1.234", "-1e-999", "٣x"):
        assert as_a.post(address(receipt), {**SEEN, "amount": name}).status_code == 400, name
    assert read_state(receipt) == ("to_review", "99.90", [])


def test_a_ticked_box_makes_the_amount_negative_and_a_minus_alone_may_be_a_slip(as_a: Client, receipt: Receipt) -> None:
    slip = as_a.post(address(receipt), {**SEEN, "amount": "-99.90", "action": "approve"})
    assert (slip.status_code, 'id="id_amount_error"' in slip.content.decode()) == (400, True)
    for typed in ("99.90", "-99.90"):
        version = Receipt.objects.get(pk=receipt.pk).version
        seen = {**SEEN, "amount": typed, "is_refund": "on", "version": version, "action": "approve"}
        assert as_a.post(address(receipt), seen).status_code == 302
        assert read_state(receipt)[1] == "-99.90"


def test_the_message_is_shown_beside_the_fields_as_text(as_a: Client, business_a: Business) -> None:
    receipt = make(business_a, message_text="<script>x</script> You paid 99.90")
    assert "&lt;script&gt;x&lt;/script&gt; You paid 99.90" in as_a.get(address(receipt)).content.decode()


def test_a_decision_on_an_older_version_is_refused(as_a: Client, receipt: Receipt, staff: User) -> None:
    decisions.correct_receipt(receipt, {"vendor": "Bezeq International"}, staff)
    late = as_a.post(address(receipt), {**SEEN, "amount": "5.00", "action": "approve"})
    html = late.content.decode()
    assert late.status_code == 409
    assert "Somebody else has just changed this receipt." in html
    assert "Bezeq International" in html
    assert 'value="5.00"' in html
    assert 'name="version" value="2"' in html
    assert as_a.post(address(receipt), {**SEEN, "action": "reject"}).status_code == 409
    assert read_state(receipt)[:2] == ("corrected", "99.90")


def test_a_button_pressed_twice_decides_once(as_a: Client, receipt: Receipt) -> None:
    for deed in ({"action": "approve", "amount": "7.00"}, {"action": "reject", "version": "2"}):
        for _twice in range(2):
            assert as_a.post(address(receipt), {**SEEN, **deed}).status_code == 302
    assert read_state(receipt)[2] == ["amount", "review_status", "review_status"]


def test_duplicates_are_linked_and_unlinked(as_a: Client, receipt: Receipt, business_b: Business) -> None:
    copy = make(receipt.business, 2, amount="1")
    for wrong in (copy.pk, make(business_b, 3).pk, "", "x", 10**30):
        response = as_a.post(address(copy), {"action": "link", "duplicate_of": wrong})
        assert (response.status_code, "id_duplicate_of_error" in response.content.decode()) == (400, True), wrong
    assert as_a.post(address(copy), {"action": "link", "duplicate_of": receipt.pk}).status_code == 302
    assert f'href="{address(receipt)}"' in as_a.get(address(copy)).content.decode()
    assert f'href="{address(copy)}"' in as_a.get(address(receipt)).content.decode()
    assert as_a.post(address(copy), {"action": "unlink"}).status_code == 302
    assert read_state(copy)[2] == ["duplicate_of", "duplicate_of"]


def test_only_members_with_a_csrf_token_may_decide(
    client: Client, receipt: Receipt, member_a: User, member_b: User
) -> None:
    assert client.get(address(receipt)).headers["Location"].startswith("/login/")
    client.force_login(member_b)
    for business in ("business-a", "business-b"):
        for page in ("", "pages/1/"):
            assert client.get(f"/b/{business}/receipts/{receipt.pk}/{page}").status_code == 404
    assert client.post(address(receipt), {**SEEN, "action": "reject"}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member_a)
    assert strict.post(address(receipt), {**SEEN, "action": "reject"}).status_code == 403
    assert read_state(receipt)[0] == "to_review"


def test_staff_see_who_decided(client: Client, receipt: Receipt, staff: User, member_a: User) -> None:
    decisions.correct_receipt(receipt, {"vendor": "Cellcom"}, member_a)
    client.force_login(staff)
    listed = client.get("/admin/receipts/receipt/", {"review_status__exact": "corrected"}).content.decode()
    assert "Cellcom" in listed
    shown = client.get(f"/admin/receipts/receipt/{receipt.pk}/change/").content.decode()
    assert "member-a" in shown
    assert "The amount may be wrong." in shown
    assert 'name="corrections-0-new_value"' not in shown


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("he", "dark")])
def test_the_pages_are_accessible(open_page: Open, receipt: Receipt, member_a: User, language: str, theme: Any) -> None:
    decisions.correct_receipt(receipt, {"vendor": 'בזק בע"מ'}, member_a)
    make(receipt.business, 2, duplicate_of=receipt)
    page = open_page(path=address(receipt), language=language)
    page.emulate_media(color_scheme=theme)
    page.locator("[name=amount]").fill("1.2.3")
    page.locator("[name=amount]").press("Enter")  # the first button is meant
    expect(page.locator("#id_amount")).to_have_attribute("aria-describedby", "id_amount_error")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"receipt-{language}-{theme}.png", full_page=True)
    assert find_violations(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

"""Receipts that were found, and their files."""

from datetime import date
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from rest_framework.test import APIClient

from receipts.models import Receipt
from receipts.review.api import Receipts
from runs.models import Business

HTML = b"<script>alert(1)</script>"


def make_receipt(business: Business, number: int, **fields: Any) -> Receipt:
    return Receipt.objects.create(business=business, message_id=f"<{number}@example.com>", **fields)


@pytest.fixture
def with_file(business_a: Business) -> Receipt:
    receipt = make_receipt(business_a, 1, filename="חשבונית\r\nX: y.html", content_type="text/html")
    receipt.file.save("stored-under-another-name.html", ContentFile(HTML))
    return receipt


def list_ids(client: APIClient, **query: Any) -> list[int]:
    return [row["id"] for row in client.get("/api/receipts/", {"business": "business-a", **query}).json()["results"]]


def test_receipts_are_listed_newest_first_with_exact_amounts(as_member_a: APIClient, business_a: Business) -> None:
    make_receipt(business_a, 1)
    make_receipt(
        business_a, 2, vendor="קפה", amount="12.50", currency="ILS", issued_on="2026-01-02", needs_review=False
    )
    first, second = as_member_a.get("/api/receipts/", {"business": "business-a"}).json()["results"]
    assert (first["vendor"], first["amount"], first["currency"], first["issued_on"]) == (
        "קפה", "12.50", "ILS", "2026-01-02"
    )  # fmt: skip
    assert (second["amount"], second["issued_on"], second["file"], second["needs_review"]) == (None, None, None, True)


def test_dates_are_included_and_fall_back_to_the_day_received(as_member_a: APIClient, business_a: Business) -> None:
    issued = make_receipt(business_a, 1, issued_on=date(2026, 1, 10))
    arrived = make_receipt(business_a, 2, received_at=timezone.now().replace(year=2026, month=1, day=20))
    make_receipt(business_a, 3)
    assert list_ids(as_member_a, from_date="2026-01-10", to_date="2026-01-10") == [issued.pk]
    assert list_ids(as_member_a, from_date="2026-01-11", to_date="2026-01-20") == [arrived.pk]
    assert len(list_ids(as_member_a)) == 3


def test_pages_follow_each_other(as_member_a: APIClient, business_a: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receipts.pagination_class, "page_size", 2)
    made = [make_receipt(business_a, n).pk for n in range(3)][::-1]
    first = as_member_a.get("/api/receipts/", {"business": "business-a"}).json()
    second = as_member_a.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == made


@pytest.mark.parametrize(
    ("query", "field"),
    [({"from_date": "x"}, "from_date"), ({"to_date": "2026-13-01"}, "to_date"), ({"business": ""}, "business"),
     ({"cursor": "x"}, "cursor"), ({"from_date": "\x00"}, "from_date")],
)  # fmt: skip
def test_invalid_fields_are_named(as_member_a: APIClient, query: dict[str, str], field: str) -> None:
    response = as_member_a.get("/api/receipts/", {"business": "business-a", **query})
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, field)


# Files


def test_a_file_is_downloaded_and_never_shown(as_member_a: APIClient, with_file: Receipt) -> None:
    row = as_member_a.get("/api/receipts/", {"business": "business-a"}).json()["results"][0]
    assert "stored-under" not in str(row)
    response = as_member_a.get(row["file"])
    assert b"".join(response) == HTML
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert "\n" not in response.headers["Content-Disposition"]
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    response.close()


def test_a_receipt_without_a_file_or_whose_file_is_lost_is_404(
    as_member_a: APIClient, business_a: Business, with_file: Receipt
) -> None:
    with_file.file.storage.delete(str(with_file.file.name))
    for receipt in (with_file, make_receipt(business_a, 2)):
        assert as_member_a.get(f"/api/receipts/{receipt.pk}/file/").status_code == 404


def test_a_file_of_another_business_is_404(as_member_b: APIClient, with_file: Receipt) -> None:
    assert as_member_b.get(f"/api/receipts/{with_file.pk}/file/").status_code == 404

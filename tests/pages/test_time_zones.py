"""Members see and enter times in their business's time zone, which each page names once; the API's stay in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import expect
from rest_framework.test import APIClient

from receipts.models import Receipt, ReceiptCorrection
from recordings.collection.listing import period_of
from recordings.models import Call, RecordingRun, Source
from runs.api.fanout import render_event
from runs.api.subscribers import Edition
from runs.models import Business
from runs.readers.one_run import fetch_run
from tests.browser import SOON, Open
from tests.cast import MakeRun

ZONE = "Asia/Jerusalem"
LATE = datetime(2026, 6, 30, 22, 5, tzinfo=UTC)  # 1 July, 1:05, in Jerusalem
ENGLISH, HEBREW = "Jul 1, 2026, 1:05 AM", "1.7.2026, 1:05"


@pytest.fixture
def business(business_a: Business) -> Business:
    Business.objects.filter(pk=business_a.pk).update(time_zone=ZONE)
    business_a.refresh_from_db()
    return business_a


def text_of(client: Client, path: str, language: str = "en") -> str:
    response = client.get(path, headers={"Accept-Language": language})
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", response.content.decode()))


@pytest.mark.needs("chromium")
def test_cards_and_pages_write_times_and_numbers_alike_and_name_the_zone_once(
    business: Business, make_run: MakeRun, open_page: Open
) -> None:
    run = make_run(business, "failed", created_at=LATE, finished_at=LATE, total=12_400, processed=1_234)
    for language, shown in (("en", ENGLISH), ("he", HEBREW)):
        page = open_page(path=f"/b/business-a/runs/receipt_sync/{run.pk}/", language=language)
        expect(page.locator("[part=age]")).to_contain_text(shown, timeout=SOON)
        expect(page.locator("[part=count]")).to_contain_text(re.compile("1,234 .*12,400"))
        expect(page.locator("body")).to_contain_text(ZONE)
        page.goto(page.url.split("receipt_sync")[0])
        expect(page.locator(".rows time")).to_have_text(shown)
        expect(page.locator(".rows")).to_contain_text(re.compile("1,234 .*12,400"))
        assert page.locator("body").inner_text().count(ZONE) == 1


def test_the_zone_of_a_page_ends_with_it(
    business: Business, make_run: MakeRun, client: Client, member_a: User, as_member_a: APIClient
) -> None:
    run = make_run(business, created_at=LATE)
    client.force_login(member_a)
    assert ENGLISH in text_of(client, "/b/business-a/runs/")
    seen = as_member_a.get(f"/api/runs/receipt_sync/{run.pk}/").json()
    assert seen["created_at"] == "2026-06-30T22:05:00Z"


def test_a_message_says_times_as_the_members_page_and_as_the_staffs(
    business: Business, make_run: MakeRun, as_member_a: APIClient, as_staff: APIClient
) -> None:
    until = datetime(2040, 6, 30, 22, 5, tzinfo=UTC)
    run = make_run(business, waiting_until=until, waiting_reason="The daily limit is reached")
    path = f"/api/runs/receipt_sync/{run.pk}/"
    members, staffs = (
        f"The daily limit is reached, until {time}" for time in ("Jul 1, 2040, 1:05 AM", "Jun 30, 2040, 10:05 PM")
    )
    refused = f"{path}resume/"  # as what an action answers, of a run that still waits
    assert as_member_a.get(path).json()["verdict"]["message"] == members
    assert as_member_a.post(refused).json()["run"]["verdict"]["message"] == members
    assert as_staff.get(path.replace("/api/", "/api/staff/")).json()["verdict"]["message"] == staffs
    assert as_staff.post(refused.replace("/api/", "/api/staff/")).json()["run"]["verdict"]["message"] == staffs
    streamed = fetch_run(type(run), run.pk)
    assert streamed is not None
    assert staffs in render_event(streamed, Edition("en", is_admin=True)).decode()
    assert members in render_event(streamed, Edition("en")).decode()


def test_days_that_members_enter_are_those_of_the_zone(
    business: Business, make_run: MakeRun, client: Client, member_a: User, as_member_a: APIClient
) -> None:
    source = Source.objects.create(business=business, name="Exchange", kind=Source.Kind.FOLDER)
    make_run(business, created_at=LATE)
    Call.objects.create(business=business, source=source, call_id="1", started_at=LATE, file="calls/1.wav")
    client.force_login(member_a)
    for day, is_found in (("2026-06-30", False), ("2026-07-01", True)):
        days = f"from_date={day}&to_date={day}"
        assert (ENGLISH in text_of(client, f"/b/business-a/runs/?{days}")) == is_found
        assert (ENGLISH in text_of(client, f"/b/business-a/recordings/?{days}")) == is_found
        found = as_member_a.get(f"/api/recordings/?business={business.pk}&{days}").json()["results"]
        assert bool(found) == is_found
    for days in ("from_date=0001-01-01", "to_date=9999-12-31"):  # beyond them there is no time
        for page in ("runs", "recordings"):
            assert client.get(f"/b/business-a/{page}/?{days}").status_code == 200
    of_worker = period_of(RecordingRun(business=business, from_date=date(2026, 7, 1)))
    assert of_worker.since == datetime(2026, 6, 30, 21, tzinfo=UTC)


def test_the_date_of_a_receipt_is_no_time_and_does_not_shift(
    business: Business, client: Client, member_a: User, as_member_a: APIClient
) -> None:
    Business.objects.filter(pk=business.pk).update(time_zone="America/New_York")
    Receipt.objects.create(business=business, message_id="1", issued_on=date(2026, 7, 1), received_at=LATE, vendor="V")
    undated = Receipt.objects.create(business=business, message_id="2", received_at=LATE, vendor="W")
    client.force_login(member_a)
    assert "Jul 1, 2026" in text_of(client, "/b/business-a/receipts/")
    correction = ReceiptCorrection(receipt=undated, field="issued_on", old_value="", new_value="2026-07-01")
    assert (correction.old_label, correction.new_label) == ("–", "Jul 1, 2026")
    path = f"/api/receipts/?business={business.pk}&to_date=2026-06-30"
    assert [each["id"] for each in as_member_a.get(path).json()["results"]] == [undated.pk]


@pytest.mark.parametrize("stored", ["", "Mars/Olympus", "../../etc/passwd", "America", "a\u0001"])
def test_a_zone_that_cannot_be_used_becomes_the_installations(
    business: Business, make_run: MakeRun, client: Client, member_a: User, staff: User, stored: str
) -> None:
    Business.objects.filter(pk=business.pk).update(time_zone=stored)
    run = make_run(business, created_at=LATE, waiting_until=Now(), waiting_reason="a limit")
    client.force_login(member_a)
    page = text_of(client, "/b/business-a/runs/")
    assert "Jun 30, 2026, 10:05 PM" in page
    assert "Times are in UTC." in page
    shown = fetch_run(type(run), run.pk)
    assert shown is not None
    assert str(shown.zone) == "UTC"
    client.force_login(staff)
    assert "Times in UTC" in text_of(client, f"/admin/runs/business/{business.pk}/change/")


def test_staff_choose_a_zone_that_exists(business: Business, client: Client, staff: User) -> None:
    client.force_login(staff)
    path = f"/admin/runs/business/{business.pk}/change/"
    inlines = client.get(path).context["inline_admin_formsets"]
    empty = {f"{each.formset.prefix}-{name}_FORMS": 0 for each in inlines for name in ("TOTAL", "INITIAL")}
    for zone, stored in (("Mars/Olympus", ZONE), ("Europe/Paris", "Europe/Paris"), ("", "")):
        client.post(path, {"name": "A", "slug": "business-a", "time_zone": zone, **empty})
        business.refresh_from_db()
        assert business.time_zone == stored

"""The pages: access, caching, and error pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from receipts.models import Mailbox, Receipt
from runs.models import Business, Membership
from tests.cast import PASSWORD, MakeRun

BUSINESS_A = "/b/business-a/"
RECEIPTS_A = f"{BUSINESS_A}receipts/"
FOUND_A = f"{RECEIPTS_A}found/"
HISTORY_A = f"{BUSINESS_A}runs/"


@pytest.fixture
def as_a(client: Client, member_a: User) -> Client:
    client.force_login(member_a)
    return client


def test_a_stranger_is_sent_to_the_sign_in(client: Client, business_a: Business) -> None:
    for page in ("/", BUSINESS_A, RECEIPTS_A, FOUND_A, HISTORY_A):
        assert client.get(page).headers["Location"] == f"/login/?next={page}"


def test_signing_in_leads_to_the_first_business(client: Client, member_a: User) -> None:
    response = client.post("/login/", {"username": "member-a", "password": PASSWORD}, follow=True)
    assert response.redirect_chain == [("/", 302), (BUSINESS_A, 302)]
    assert "Business A" in response.content.decode()


def test_another_business_is_not_there(as_a: Client, business_b: Business) -> None:
    for page in ("/b/business-b/", "/b/business-b/receipts/found/", "/b/business-b/runs/", "/b/nowhere/"):
        response = as_a.get(page)
        assert response.status_code == 404
        assert "Page not found" in response.content.decode()


def test_the_menu_names_the_callers_businesses_only(as_a: Client, member_a: User, business_b: Business) -> None:
    assert "business-b" not in as_a.get(BUSINESS_A).content.decode()
    Membership.objects.create(user=member_a, business=business_b)
    assert '<a href="/b/business-b/">' in as_a.get(BUSINESS_A).content.decode()


def test_without_a_business_the_page_says_so(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("newcomer"))
    assert "You are not a member of any business." in client.get("/").content.decode()


def test_no_page_may_be_cached(client: Client, member_a: User) -> None:
    for page in ("/login/", "/nowhere/"):
        assert "no-store" in client.get(page).headers["Cache-Control"]
    client.force_login(member_a)
    for page in ("/", BUSINESS_A, RECEIPTS_A, FOUND_A, HISTORY_A, "/b/business-b/"):
        assert "no-store" in client.get(page).headers["Cache-Control"]


@pytest.mark.parametrize("address", [BUSINESS_A, RECEIPTS_A, HISTORY_A])
def test_pages_have_no_inline_scripts_or_styles(as_a: Client, mailbox_a: Mailbox, address: str) -> None:
    page = as_a.get(address)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    html = page.content.decode()
    assert " style=" not in html
    assert "<style" not in html
    assert html.count("<script") == html.count('<script type="module" src="/static/') > 0


def test_pages_are_translated_to_hebrew(as_a: Client, mailbox_a: Mailbox) -> None:
    as_a.post("/language/", {"language": "he", "next": BUSINESS_A})
    html = as_a.get(BUSINESS_A).content.decode()
    assert '<html lang="he" dir="rtl">' in html
    assert "הפעלת סנכרון" in html


def test_receipts_are_listed_with_their_facts(as_a: Client, business_a: Business) -> None:
    known = {"vendor": "Bezeq", "amount": "1234.50", "currency": "ILS", "invoice_number": "44-11", "file": "x.pdf"}
    receipt = Receipt.objects.create(business=business_a, message_id="<1@x>", needs_review=False, **known)
    Receipt.objects.create(business=business_a, message_id="<2@x>", sender="<b>shop</b>@example.com")
    html = as_a.get(RECEIPTS_A).content.decode()
    assert "₪1,234.50" in html
    assert f'href="/api/receipts/{receipt.pk}/file/"' in html
    assert html.count("Needs review") == 1
    assert "&lt;b&gt;shop" in html


def test_older_receipts_are_on_further_pages(as_a: Client, business_a: Business) -> None:
    Receipt.objects.bulk_create(Receipt(business=business_a, message_id=f"<{n}@x>", vendor=f"V{n}.") for n in range(30))
    assert "V0." in as_a.get(RECEIPTS_A, {"page": "2"}).content.decode()
    assert "V29." in as_a.get(RECEIPTS_A, {"page": "nonsense"}).content.decode()


def test_an_overdue_run_is_not_working_in_the_list_of_recent_ones(
    as_a: Client, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running", silent_for=400)
    html = as_a.get(FOUND_A).content.decode()
    assert "Stuck - no updates" in html
    assert "Working" not in html


def test_long_pages_need_as_many_queries_as_short_ones(as_a: Client, business_a: Business, make_run: MakeRun) -> None:
    def price() -> int:
        with CaptureQueriesContext(connection) as queries:
            as_a.get(RECEIPTS_A)
        return len(queries)

    make_run(business_a, "failed")
    Receipt.objects.create(business=business_a, message_id="<0@x>")
    before = price()
    for n in range(1, 5):
        make_run(business_a, "failed")
        Receipt.objects.create(business=business_a, message_id=f"<{n}@x>")
    assert price() == before


@pytest.fixture
def _database_away() -> Iterator[None]:
    with mock.patch("runs.pages.access.Business.objects.of", side_effect=OperationalError("gone")):
        yield


@pytest.mark.usefixtures("_database_away")
def test_a_page_says_when_the_database_is_away(as_a: Client) -> None:
    response = as_a.get(BUSINESS_A)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "10"
    assert "no-store" in response.headers["Cache-Control"]


def test_a_server_error_has_the_sites_design(as_a: Client) -> None:
    as_a.raise_request_exception = False
    with mock.patch("receipts.pages.receipts_context", side_effect=ZeroDivisionError):
        response = as_a.get(RECEIPTS_A)
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()


def test_a_form_without_its_token_is_refused_in_the_sites_design(member_a: User) -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "x"})
    assert response.status_code == 403
    assert "This page has expired" in response.content.decode()


# The demo


def test_the_demo_is_seeded_once(db: None, settings: Settings, client: Client) -> None:
    settings.DEBUG = True
    for port in (1111, 2222):
        settings.DEMO_IMAP_PORT = port
        call_command("seed_demo")
    mailboxes: Any = Mailbox.objects.order_by("business__slug").values_list("business__slug", "host", "port")
    assert list(mailboxes) == [("business-a", "127.0.0.1", 2222), ("business-b", "127.0.0.1", 2222)]
    assert sorted(User.objects.values_list("username", flat=True)) == ["member-a", "member-b", "staff"]
    signed_in = client.post("/login/", {"username": "member-a", "password": PASSWORD})
    assert signed_in.headers["Location"] == "/"


def test_the_demo_is_never_seeded_in_production(db: None, settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG=1"):
        call_command("seed_demo")
    assert not User.objects.exists()

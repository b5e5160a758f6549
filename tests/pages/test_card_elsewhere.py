"""The card on the page of another site: by a token, from an origin that the installation names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from knox.models import AuthToken
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from receipts.models import ReceiptSyncRun
from runs.models import Business
from tests.browser import half_done, label, read_storage
from tests.cast import MakeRun
from tests.servers import server
from tests.workers import until

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True)]

Elsewhere = Callable[..., str]


@pytest.fixture
def elsewhere(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Elsewhere]:
    """The address of a page of another origin that shows the card."""
    origin = httpserver.url_for("/").rstrip("/")
    with server(tmp_path / "state", {"CORS_ALLOWED_ORIGINS": origin}) as url:

        def served(*, host: str = "", **attributes: object) -> str:
            written = " ".join(f'{name}="{value}"' for name, value in attributes.items())
            page = f"""<!doctype html><html lang="he"><meta charset="utf-8"><title>.</title>
                <link rel="icon" href="data:,"><script type="module" src="{url}/static/runs/run-card.js"></script>
                <run-card api="{url}/api/" {written}></run-card>"""
            httpserver.expect_request("/page").respond_with_data(page, content_type="text/html")
            address = httpserver.url_for("/page")
            return address.replace("localhost", host) if host else address

        yield served


def test_another_sites_page_shows_it_with_a_token(
    elsewhere: Elsewhere, page: Page, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, failed_items=1)
    token = AuthToken.objects.create(member_a)[1]
    page.goto(elsewhere(type="receipt_sync", business=business_a.pk, token=token, heading="סנכרון"))
    expect(label(page)).to_have_text("פועל")
    page.get_by_text("מה נכשל, ומדוע").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="הורדה").click()
    assert download.value.suggested_filename == f"receipt_sync-{run.pk}.csv"
    page.get_by_role("button", name="ביטול").click()
    page.get_by_role("dialog").locator("[value=cancel]").click()
    expect(page.locator("[part=message]")).to_have_text("מבטל…")
    until(lambda: ReceiptSyncRun.objects.get(pk=run.pk).requested == "cancel")
    assert read_storage(page)[f"longTask_{business_a.pk}_receipt_sync"]["taskId"] == run.pk


def test_another_sites_page_with_an_expired_token_shows_it(
    elsewhere: Elsewhere, page: Page, business_a: Business
) -> None:
    page.goto(elsewhere(type="receipt_sync", business=business_a.pk, token="a" * 64))
    expect(page.get_by_text("נותקתם מהמערכת.")).to_be_visible()
    expect(page.locator("[part=problem] a")).to_have_count(0)


def test_a_site_that_is_not_named_gets_nothing(
    elsewhere: Elsewhere, page: Page, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    half_done(make_run, business_a)
    token = AuthToken.objects.create(member_a)[1]
    page.goto(elsewhere(host="127.0.0.1", type="receipt_sync", business=business_a.pk, token=token))
    expect(page.locator("run-card")).to_have_attribute("lost", "")
    expect(page.locator("run-card")).to_have_attribute("state", "loading")

"""A page says one thing of a run: its card, its rows and its counts go on together, and it knows of every run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from receipts.models import Mailbox, ReceiptSyncRun
from runs.models import Business
from runs.states import Status
from tests.browser import SOON, Open, finish_run, half_done, update_run
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")

OVERVIEW = "/b/business-a/"


def test_an_open_overview_shows_a_run_that_starts_elsewhere_and_counts_it_once(
    open_page: Open, context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    context.clock.install()
    page = open_page(path=OVERVIEW)
    expect(page.get_by_text("No active runs.")).to_be_visible()
    with page.expect_response(lambda response: "active=true" in response.url):
        page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    run = half_done(make_run, business_a)
    page.clock.run_for(2_000)
    card, row = page.locator("run-card"), page.locator(f"[data-run='receipt_sync:{run.pk}']")
    expect(card.locator("[part=count]")).to_have_text("100 of 200 messages")
    page.clock.resume()
    expect(page.get_by_text("No active runs.")).to_be_hidden()
    expect(row.locator("[data-field=summary]")).to_have_text("100 of 200 messages")
    expect(row).to_contain_text("Mailbox of business-a")
    columns = {"processed": 150, "succeeded": 147, "failed": 2, "progress_pct": 75.0, "receipts_found": 12}
    update_run(run, **columns, heartbeat_at=Now())
    expect(row.locator("[data-field=summary]")).to_have_text("150 of 200 messages · 2 failed · 1 unknown", timeout=SOON)
    expect(card.locator("[part=count]")).to_have_text("150 of 200 messages")
    expect(row.locator("[data-field=result]")).to_have_text("12 receipts")
    ReceiptSyncRun.objects.filter(pk=run.pk).update(receipts_found=534)
    finish_run(run)
    expect(row.locator(".pill")).to_have_text("Completed with 2 failures", timeout=SOON)
    expect(row.locator(".pill")).to_have_attribute("data-imperfect", "")
    link = row.get_by_role("link", name="534 receipts")
    expect(link).to_have_attribute("href", f"{OVERVIEW}receipts/?run={run.pk}#receipts")


def test_a_retry_of_failed_items_leaves_the_card_and_the_page_of_the_first_run_alone(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, failed_items=2)
    page = open_page(path=OVERVIEW)
    retry = page.get_by_role("button", name="Retry failed items")
    finish_run(run)
    retry.click()
    expect(page.locator("run-card")).to_have_count(2)
    again = ReceiptSyncRun.objects.exclude(pk=run.pk)
    for each in (run, again.get()):
        expect(page.locator(f"run-card[run-id='{each.pk}']")).to_contain_text(f"No. {each.pk}")

    page.goto(page.url + f"runs/receipt_sync/{run.pk}/")
    retry.click()
    expect(page.get_by_text("A run of this type is already active")).to_be_visible()
    expect(page.locator("run-card")).to_contain_text(f"No. {run.pk}")
    again.transition_to(Status.CANCELLED)
    retry.click()
    page.wait_for_url(lambda url: not url.endswith(f"/{run.pk}/"))
    assert page.url.endswith(f"/receipt_sync/{ReceiptSyncRun.objects.latest('pk').pk}/")


def test_what_is_opened_stays_open_while_the_page_goes_on(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, pace=[[0, 0], [10, 50], [20, 100]])
    page = open_page(path=f"{OVERVIEW}runs/receipt_sync/{run.pk}/")
    values = page.locator("#pace-values")
    values.locator("summary").click()
    before = values.inner_text()
    update_run(run, pace=[[0, 0], [10, 50], [20, 100], [30, 150]], processed=150, heartbeat_at=Now())
    expect(values).not_to_have_text(before, use_inner_text=True, timeout=SOON)
    expect(values).to_have_attribute("open", "")
    expect(values.locator("summary")).to_be_focused()


@pytest.mark.parametrize("path", ["receipts/", "runs/receipt_sync/{id}/", ""])
def test_without_scripts_the_page_shows_what_the_server_knew(
    live_server: LiveServer, browser: Browser, client: Client, member_a: User, mailbox_a: Mailbox,
    business_a: Business, make_run: MakeRun, path: str,
) -> None:  # fmt: skip
    run: Any = half_done(make_run, business_a)
    client.force_login(member_a)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}{OVERVIEW}{path.format(id=run.pk)}")
    now = page.locator("run-card .now-known")
    expect(now).to_contain_text(re.compile("Working.*100 of 200 messages", re.DOTALL))
    expect(page.get_by_text("Nothing has been synced yet")).to_be_hidden()
    context.close()

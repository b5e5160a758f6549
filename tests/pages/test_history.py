"""The list of all runs follows them: what they say once they have ended, and those that are started elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from receipts.models import ReceiptSyncRun
from runs.models import Business
from runs.states import Status
from tests.browser import SOON, Open, finish_run, half_done, update_run
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")
HISTORY = "/b/business-a/runs/"


def wait_for_a_poll(page: Page) -> None:
    """This server has no stream: the page learns of a run when it asks for the active ones."""
    with page.expect_response(lambda response: "active=true" in response.url):
        pass


def test_a_run_that_ends_gets_its_duration_and_its_result(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = open_page(path=HISTORY)
    row = page.locator("#history li")
    link = row.get_by_role("link", name=f"No. {run.pk}")
    link.focus()
    wait_for_a_poll(page)
    update_run(run, started_at=Now() - timedelta(minutes=12), receipts_found=3)
    finish_run(run)
    expect(row).to_contain_text("12 minutes", timeout=SOON)
    expect(row.get_by_role("link", name="3 receipts")).to_be_visible()
    expect(link).to_be_focused()


def test_a_run_that_is_started_elsewhere_appears_where_it_matches(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    page = open_page(path=HISTORY)
    expect(page.get_by_text("None yet.")).to_be_visible()
    failed = open_page(path=f"{HISTORY}?status=failed")
    expect(failed.get_by_text("No runs match.")).to_be_visible()
    run = half_done(make_run, business_a)
    expect(page.locator("#history li .pill")).to_have_text("Working", timeout=SOON)
    wait_for_a_poll(failed)
    expect(failed.get_by_text("No runs match.")).to_be_visible()
    ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.FAILED, finished_at=Now())
    expect(failed.locator("#history li .pill")).to_have_text("Failed", timeout=SOON)


def test_the_focus_stays_on_the_link_to_older_runs(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    """Its address is another one once the list begins with a new run."""
    for _ in range(51):
        make_run(business_a, "completed")
    page = open_page(path=HISTORY)
    older = page.get_by_role("link", name="Older")
    older.focus()
    address = older.get_attribute("href") or ""
    half_done(make_run, business_a)
    expect(older).not_to_have_attribute("href", address, timeout=SOON)
    expect(older).to_be_focused()

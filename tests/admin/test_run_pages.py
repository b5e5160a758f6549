"""The admin's pages of runs in a browser: live, accessible, in both languages and themes, and on a small screen.

Screenshots of them are left in `var/test/screenshots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from runs.lifecycle.dispatch import reopen
from runs.models import Business
from runs.models.audit import SYSTEM, audit_context
from runs.states import Status
from tests.accessibility import LOOKS, SCREENSHOTS, find_violations, scrolls_sideways
from tests.browser import SOON, label
from tests.cast import MakeRun
from tests.claims import claim_run
from tests.workers import until

pytestmark = pytest.mark.needs("chromium")

PAGES = {
    "admin-runs": "/admin/runs/allruns/",
    "admin-runs-error": "/admin/runs/allruns/?business=nobody",
    "admin-bulk": "/admin/runs/allruns/cancel/?status=active",
    "admin-run": "/admin/receipts/receiptsyncrun/{run}/change/",
    "visit": "/b/business-a/",
}


@pytest.fixture
def run(business_a: Business, business_b: Business, make_sync_run: MakeRun, staff: User) -> Any:
    """One that failed, waited and runs again; and others beside it."""
    make_sync_run(business_b, "failed", error_code="exception", error_message="The server closed the connection.")
    make_sync_run(business_b, "running", total=12_000, processed=9_876, progress_pct=82.3, created_by=staff)
    run = make_sync_run(business_a, "running", total=2400, processed=1234, progress_pct=51.4, succeeded=1234)
    rows = type(run).objects.filter(pk=run.pk)
    with audit_context(SYSTEM, "exception"):
        rows.transition_to(Status.FAILED, finished_at=Now())
    reopen(run, SYSTEM, "retried")
    claim_run(run)
    rows.reclaim(SYSTEM)
    claim_run(run)
    return run


@pytest.fixture
def staff_page(live_server: LiveServer, context: BrowserContext, client: Client, staff: User) -> Iterator[Page]:
    """Signed in as staff. Nothing may be complained of in the console."""
    client.force_login(staff)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_the_pages_are_accessible(
    staff_page: Page, live_server: LiveServer, run: Any, language: str, theme: Any
) -> None:
    page = staff_page
    page.set_extra_http_headers({"Accept-Language": language})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    for name, path in PAGES.items():
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{live_server.url}{path.format(run=run.pk)}")
        if page.locator("run-card").count():
            expect(label(page).first).not_to_have_text("")
        problems += [f"{name}: {problem}" for problem in find_violations(page, "main, #content")]
        page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}.png", full_page=True)
        page.set_viewport_size({"width": 320, "height": 800})
        page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}-320.png", full_page=True)
        if scrolls_sideways(page):
            problems.append(f"{name} is wider than the screen")
    assert problems == []


def test_the_card_of_a_runs_page_is_live_and_acts(staff_page: Page, live_server: LiveServer, run: Any) -> None:
    page = staff_page
    page.goto(f"{live_server.url}{PAGES['admin-run'].format(run=run.pk)}")
    expect(label(page)).to_have_text("Working")
    type(run).objects.filter(pk=run.pk).update(processed=1500, progress_pct=62.5, version=1000)
    expect(page.locator("[part=percent]")).to_contain_text("62", timeout=SOON)
    page.locator("run-card").get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Pausing…")).to_be_visible(timeout=SOON)
    until(lambda: type(run).objects.get(pk=run.pk).requested == "pause")
    assert LogEntry.objects.get().change_message == "Pause"

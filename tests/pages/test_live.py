"""The page in a real browser, against a real server and its database: it never shows more than is known."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, Route, expect

from broadcasts.models import ProviderAccount
from receipts.models import Receipt, ReceiptSyncRun
from runs.models import Business
from runs.states import Status
from tests.browser import (
    RUNS_URL,
    SOON,
    Open,
    bar,
    finish_run,
    half_done,
    label,
    read_storage,
    stop_timers,
    update_run,
)
from tests.cast import MakeRun
from tests.whatsapp import broadcast, numbers

pytestmark = pytest.mark.needs("chromium")


def test_the_bar_moves_as_the_row_does(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    expect(bar(page)).to_have_attribute("aria-valuenow", "50")
    update_run(run, processed=150, succeeded=150, progress_pct=75.0, heartbeat_at=Now())
    expect(bar(page)).to_have_attribute("aria-valuenow", "75", timeout=SOON)
    expect(bar(page)).to_have_attribute("aria-valuetext", "150 of 200")
    assert page.locator("[part=fill]").evaluate("bar => bar.style.inlineSize") == "75%"


def test_a_run_that_goes_stale_is_shown_without_a_reload(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = open_page(language="he")
    expect(label(page)).to_have_text("פועל")
    update_run(run, heartbeat_at=Now() - timedelta(seconds=301))
    expect(label(page)).to_have_text("תקוע - אין עדכון", timeout=SOON)
    expect(page.get_by_text("המשימה לא התעדכנה מזה 5 דקות", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="ניסיון חוזר", exact=True)).to_be_visible()
    expect(bar(page)).to_have_attribute("aria-valuenow", "50")


def test_an_unknown_total_has_no_percentage(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running", processed=1234)
    page = open_page()
    expect(page.get_by_text("1,234 so far")).to_be_visible()
    assert bar(page).get_attribute("aria-valuenow") is None


def test_the_browser_stores_only_the_id(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    expect(label(page)).to_have_text("Working")
    [(key, stored)] = read_storage(page).items()
    assert key == f"longTask_{business_a.pk}_receipt_sync"
    assert {**stored, "timestamp": 0} == {"taskId": run.pk, "taskType": "receipt_sync", "timestamp": 0}
    finish_run(run)
    expect(label(page)).to_have_text("Completed", timeout=SOON)
    assert read_storage(page) == {}


@pytest.mark.parametrize("status", ["completed", None])
def test_a_status_stored_by_an_older_version_is_ignored(
    open_page: Open, business_a: Business, make_run: MakeRun, status: str | None
) -> None:
    if status:
        make_run(business_a, status)
    key = f"longTask_{business_a.pk}_receipt_sync"
    old = "{taskId: 99, taskType: 'receipt_sync', timestamp: Date.now(), status: 'running', progress: 50}"
    page = open_page(before=f"localStorage.setItem('{key}', JSON.stringify({old}))")
    if status:
        expect(label(page)).to_have_text("Completed")
        assert read_storage(page) == {}
    else:
        expect(page.get_by_text("Nothing has been synced yet")).to_be_visible()
        assert read_storage(page) == {}


def test_an_entry_older_than_an_hour_is_dropped(open_page: Open, business_a: Business) -> None:
    key = f"longTask_{business_a.pk}_receipt_sync"
    old = "{taskId: 99, taskType: 'receipt_sync', timestamp: Date.now() - 3600001}"
    page = open_page(before=f"localStorage.setItem('{key}', JSON.stringify({old}))")
    expect(page.get_by_text("Nothing has been synced yet")).to_be_visible()
    assert read_storage(page) == {}


def test_without_the_server_the_page_shows_the_last_known_state(
    open_page: Open, context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, rate=3.0)
    page = open_page()
    card = page.locator("run-card")
    expect(card).to_have_attribute("moving", "")
    context.set_offline(True)
    expect(page.get_by_text(re.compile(r"^Last known \d+ seconds ago$"))).to_be_visible(timeout=SOON)
    expect(label(page)).to_have_text("Last known: Working")
    assert card.get_attribute("moving") is None
    expect(page.locator("[part=contact]")).to_be_visible()
    expect(page.locator("[part=rate]")).to_have_text("–")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    expect(page.locator("[part=news]")).to_contain_text("No contact with the server.")

    update_run(run, processed=180, succeeded=180, progress_pct=90.0, heartbeat_at=Now())
    stop_timers(page)
    context.set_offline(False)  # it comes back by itself, and at once
    expect(bar(page)).to_have_attribute("aria-valuenow", "90")
    expect(label(page)).to_have_text("Working")


def test_without_the_server_a_run_past_its_threshold_is_unknown(
    open_page: Open, context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    context.clock.install()
    half_done(make_run, business_a, silent_for=200)
    page = open_page()
    expect(label(page)).to_have_text("Quiet")
    context.set_offline(True)
    expect(label(page)).to_have_text("Last known: Quiet")
    page.clock.fast_forward(100_000)
    expect(label(page)).to_have_text("Unknown")


def test_errors_of_the_server_dont_end_the_polling(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    expect(label(page)).to_have_text("Working")
    page.route(RUNS_URL, lambda route: route.fulfill(status=500, body="<h1>oops</h1>"))
    expect(label(page)).to_have_text("Last known: Working", timeout=SOON)
    finish_run(run)
    page.unroute(RUNS_URL)
    expect(label(page)).to_have_text("Completed", timeout=2 * SOON)


def test_a_hanging_server_is_noticed(
    open_page: Open, context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    context.clock.install()
    half_done(make_run, business_a)
    page = open_page(before="AbortSignal.timeout = () => new AbortController().signal;")
    expect(label(page)).to_have_text("Working")
    hanging: list[Route] = []
    page.route(RUNS_URL, lambda route: hanging.append(route))
    page.clock.fast_forward(7_000)
    expect(label(page)).to_have_text("Last known: Working")


def test_a_wrong_clock_of_the_reader_changes_nothing(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    half_done(make_run, business_a, silent_for=20)
    page = open_page(before="const now = Date.now; Date.now = () => now() + 2 * 3600 * 1000;")
    expect(page.get_by_text(re.compile(r"^Last heartbeat [2-5]\d seconds ago$"))).to_be_visible()
    expect(label(page)).to_have_text("Working")


def test_a_sync_is_started_once(open_page: Open, business_a: Business) -> None:
    page = open_page()
    page.get_by_role("button", name="Start the sync").dblclick()
    expect(label(page)).to_have_text("Waiting for a worker")
    expect(page.get_by_role("button", name="Start the sync")).to_be_disabled()
    run = ReceiptSyncRun.objects.get(business=business_a)
    assert (run.mode, run.status) == ("incremental", Status.QUEUED)


def test_a_range_needs_its_dates(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Range of dates").check()
    page.get_by_label("From").fill("2026-02-01")
    page.get_by_label("To", exact=True).fill("2026-01-01")
    page.get_by_role("button", name="Start the sync").click()
    expect(page.get_by_text("The last day is before the first.")).to_be_visible()
    page.get_by_label("To", exact=True).fill("2026-03-01")
    page.get_by_role("button", name="Start the sync").click()
    expect(label(page)).to_have_text("Waiting for a worker")
    assert str(ReceiptSyncRun.objects.get().to_date) == "2026-03-01"


def test_the_buttons_are_what_the_run_allows(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a)
    page = open_page()
    actions = page.locator("[part=actions] [data-action]")
    expect(actions).to_have_text(["Cancel"])
    actions.click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(label(page)).to_have_text("Cancelled")
    expect(actions).to_have_text(["Dismiss", "Resume"])
    actions.last.click()
    expect(label(page)).to_have_text("Waiting for a worker")


def test_a_running_run_shows_the_stop_request(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    half_done(make_run, business_a)
    page = open_page()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("Cancelling…")).to_be_visible()
    expect(page.locator("[part=actions] [data-action]")).to_have_text(["Cancel"])
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_disabled()


def test_failed_items_show_their_reasons(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a, failed_items=2)
    run.items.filter(key="1:1").update(subject="<b>Invoice</b>", error_message="The PDF is damaged")
    page = open_page()
    page.get_by_text("What failed, and why").click()
    expect(page.locator("[part=items] li")).to_have_count(2)
    expect(page.get_by_text("The PDF is damaged")).to_be_visible()
    expect(page.get_by_text("<b>Invoice</b>")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    assert download.value.suggested_filename == f"receipt_sync-{run.pk}.csv"


def test_receipts_appear_while_a_run_finds_them(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    expect(page.get_by_text("No receipts yet.")).to_be_visible()
    Receipt.objects.create(business=business_a, message_id="<1@x>", vendor="Bezeq", amount="99.90", currency="ILS")
    update_run(run, processed=101, heartbeat_at=Now())
    expect(page.get_by_role("cell", name="₪99.90")).to_be_visible(timeout=2 * SOON)
    finish_run(run)
    expect(page.locator("#recent .pill")).to_have_text("Completed", timeout=2 * SOON)


def test_quarters_and_changes_of_state_are_announced(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    news = page.locator("[part=news]")
    expect(label(page)).to_have_text("Working")
    update_run(run, processed=120, progress_pct=60.0, heartbeat_at=Now())
    expect(bar(page)).to_have_attribute("aria-valuenow", "60", timeout=SOON)
    expect(news).to_have_text("")
    update_run(run, processed=160, progress_pct=80.0, heartbeat_at=Now())
    expect(news).to_have_text("75 percent", timeout=SOON)
    finish_run(run)
    expect(news).to_contain_text("Completed", timeout=SOON)


def test_a_lost_session_is_reported_with_a_link_to_sign_in(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    half_done(make_run, business_a)
    page = open_page()
    expect(label(page)).to_have_text("Working")
    Session.objects.all().delete()
    link = page.get_by_role("link", name="Sign in again")
    expect(link).to_be_visible(timeout=SOON)
    assert link.get_attribute("href") == "/login/?next=%2Fb%2Fbusiness-a%2Freceipts%2F"


def test_coming_back_to_the_page_shows_the_truth_at_once(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    expect(label(page)).to_have_text("Working")
    page.get_by_role("button", name="עברית").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    finish_run(run)
    page.go_back()
    expect(label(page)).to_have_text(re.compile("Completed|הושלם"))


def test_a_phone_needs_no_sideways_scrolling(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    half_done(make_run, business_a, failed_items=1, rate=12.5)
    Receipt.objects.create(business=business_a, message_id="<1@x>", vendor="V" * 150, subject="S" * 300)
    page = open_page()
    for width in (320, 375):
        page.set_viewport_size({"width": width, "height": 700})
        expect(label(page)).to_have_text("Working")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_of_very_many_active_runs_some_are_shown_with_a_link_to_all(
    open_page: Open, account_a: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card is added for each run that starts elsewhere, up to the same number."""
    for module in ("runs.pages.home", "progress_project.pages"):
        monkeypatch.setattr(f"{module}.ACTIVE_SHOWN", 2)
    first = broadcast(account_a, numbers(1))
    page = open_page(path="/b/business-a/")
    note = page.get_by_text("Only 2 active runs are shown here.")
    expect(page.locator("#active run-card")).to_have_count(1)
    expect(note).to_be_hidden()
    others = [broadcast(account_a, numbers(1)) for _ in range(3)]
    expect(note).to_be_visible(timeout=SOON)
    expect(page.locator("#active run-card")).to_have_count(2)
    expect(note.get_by_role("link")).to_have_attribute("href", "/b/business-a/runs/")
    page.reload()
    expect(note).to_be_visible()
    shown = [card.get_attribute("run-id") for card in page.locator("#active run-card").all()]
    assert shown == [str(run.pk) for run in (others[2], others[1])], f"the newest, and not {first.pk}"

"""A button is never another one under the same finger, a cancel is asked for once, and the focus stays on the card."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from receipts.models import ReceiptSyncRun
from runs.models import Business
from runs.states import Status, StopRequest
from tests.browser import SOON, Open, half_done, label
from tests.cast import MakeRun
from tests.workers import until

pytestmark = pytest.mark.needs("chromium")


def click_twice_at(page: Page, box: Any) -> None:
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def focused_card(page: Page) -> bool:
    return bool(page.evaluate("document.activeElement.localName === 'run-card'"))


def pause(run: Any) -> None:
    ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.PAUSED)


def test_a_second_click_in_the_same_place_does_nothing_else(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    places = {name: button(page, name).bounding_box() for name in ("Pause", "Cancel")}
    click_twice_at(page, places["Pause"])
    expect(page.get_by_text("Pausing…")).to_be_visible()
    until(lambda: ReceiptSyncRun.objects.get(pk=run.pk).requested == StopRequest.PAUSE)
    pause(run)
    expect(label(page)).to_have_text("Paused", timeout=SOON)
    click_twice_at(page, places["Pause"])  # where Pause was, there is nothing now
    assert button(page, "Cancel").bounding_box() == places["Cancel"]
    resume = button(page, "Resume").bounding_box()
    click_twice_at(page, resume)
    expect(label(page)).to_have_text("Waiting for a worker")
    run.refresh_from_db()
    assert (run.status, run.requested) == (Status.QUEUED, "")
    assert button(page, "Cancel").bounding_box() == places["Cancel"]


def test_a_cancel_is_asked_for_once_and_the_focus_stays_on_the_card(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a)
    page = open_page()
    cancel = button(page, "Cancel")
    click_twice_at(page, cancel.bounding_box())
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(button(page, "Don't cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(cancel).to_be_focused()
    run.refresh_from_db()
    assert run.status == Status.QUEUED
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(label(page)).to_have_text("Cancelled")
    assert focused_card(page)
    page.keyboard.press("Enter")  # no button has come under the finger
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    button(page, "Dismiss").focus()
    page.keyboard.press("Enter")
    expect(page.locator("run-card")).to_have_attribute("state", "none")
    assert focused_card(page)


def test_an_ended_run_says_how_it_ended_and_that_not_all_went_well(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, succeeded=83, skipped=2, failed=12, pace=[[1, 10], [10, 100]])
    page = open_page()
    expect(page.locator("[part=unknown]")).to_have_text("3")  # the outcomes add up
    expect(page.locator("[part=about] span")).to_have_text(["Mailbox of business-a", "New messages"])
    ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=run.started_at)
    card = page.locator("run-card")
    expect(label(page)).to_have_text("Completed with 12 failures", timeout=SOON)
    expect(card).to_have_attribute("imperfect", "")
    expect(page.locator("[part=age]")).to_contain_text("Finished")
    expect(page.locator("[part=rate]")).to_have_text("10 / s")
    ReceiptSyncRun.objects.filter(pk=run.pk).delete()
    make_run(business_a, "failed", error_code="stale")
    page.reload()
    expect(label(page)).to_have_text("Stuck - no updates")
    expect(page.locator("[part=age]")).to_contain_text("Marked as failed")


def test_a_start_keeps_the_focus(open_page: Open, business_a: Business) -> None:
    page = open_page()
    button(page, "Start the sync").focus()
    page.keyboard.press("Enter")
    expect(label(page)).to_have_text("Waiting for a worker")
    expect(button(page, "Start the sync")).to_be_focused()
    expect(button(page, "Start the sync")).to_be_disabled()
    page.keyboard.press("Enter")
    assert ReceiptSyncRun.objects.filter(business=business_a).count() == 1

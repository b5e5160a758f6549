"""The card: which run it follows, what it shows of it and why, its actions and events."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect
from pytest_django import Settings

from runs.models import Business
from tests.browser import SOON, Open, bar, finish_run, half_done, label, update_run
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")

Put = Callable[..., None]


def show_card(page: Page, **attributes: object) -> None:
    """A card of this page's own, in the place of those that were there."""
    made = {name.replace("_", "-"): str(value) for name, value in attributes.items()}
    page.evaluate(
        """made => {
            document.querySelectorAll("run-card").forEach(card => card.remove());
            const card = document.createElement("run-card");
            for (const [name, value] of Object.entries(made)) card.setAttribute(name, value);
            for (const name of ["run:change", "run:finish", "run:dismiss"]) {
                document.addEventListener(name, event => (window.dispatched ??= []).push([name, event.detail.status]));
            }
            document.querySelector("main").prepend(card);
        }""",
        made,
    )


def dispatched_events(page: Page) -> list[list[str]]:
    return list(page.evaluate("window.dispatched ?? []"))


def test_it_explains_the_status(open_page: Open, business_a: Business, make_run: MakeRun, settings: Settings) -> None:
    settings.RUNS_STALE_AFTER_SECONDS = 150
    half_done(make_run, business_a, silent_for=70)
    page = open_page()
    page.get_by_text("Why this status?").click()
    expect(page.locator("[data-fill=why-is]")).to_contain_text("If none comes for 2 minutes, 30 seconds in all")
    evidence = page.locator("[part=evidence]")
    expect(evidence).to_contain_text("Last heartbeat")
    expect(evidence).to_contain_text("worker@test")
    expect(page.locator("[part=events] li strong")).to_have_text(["Running", "Queued"])
    expect(page.locator("[part=events] li").first).to_contain_text("claimed · a worker worker@test")


def test_what_is_opened_before_the_first_answer_stays_open(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    half_done(make_run, business_a, silent_for=70)
    page = open_page(
        before="""
        const { fetch } = window;
        const opened = new Promise(resolve => { window.answer = resolve; });
        window.fetch = (...args) => opened.then(() => fetch(...args));
    """
    )
    page.get_by_text("Why this status?").click()
    page.evaluate("window.answer()")
    expect(page.locator("[data-fill=why-is]")).to_contain_text("If none comes for 5 minutes in all")
    expect(page.locator("[part=events] li strong")).to_have_text(["Running", "Queued"])


def test_the_time_left_is_a_range_as_wide_as_what_is_not_known(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a, rate=10.0)
    page = open_page()
    update = "run => { const card = document.querySelector('run-card'); card.watch({...card.run, ...run}); }"
    eta = page.locator("[part=eta]")
    expect(label(page)).to_have_text("Working")
    page.route("**/api/runs/**", lambda route: None)
    base = {"server_now": "2026-01-01T00:10:00Z", "started_at": "2026-01-01T00:00:00Z", "version": run.version + 1}
    page.evaluate(update, {**base, "eta_seconds": 590})  # 100 of 200 in ten minutes: the average says the same
    expect(eta).to_have_text("about 10 minutes left")
    page.evaluate(update, {**base, "eta_seconds": 330})
    expect(eta).to_have_text("5–10 minutes left")
    page.evaluate(update, {**base, "eta_seconds": 10})
    expect(eta).to_have_text(re.compile(r"at least \d+ seconds left"))


def test_it_follows_only_the_given_run(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    old = make_run(business_a, "failed")
    half_done(make_run, business_a)
    page = open_page()
    show_card(page, type="receipt_sync", business=business_a.pk, run_id=old.pk)
    expect(label(page)).to_have_text("Failed")
    expect(page.get_by_role("heading", name=f"Task No. {old.pk}")).to_be_visible()


def test_an_unknown_run_is_reported_as_missing(open_page: Open, business_b: Business, make_run: MakeRun) -> None:
    theirs = make_run(business_b, "running")
    page = open_page()
    show_card(page, type="receipt_sync", business=business_b.pk, run_id=theirs.pk)
    expect(page.get_by_text("This run doesn't exist, or you don't have access to it.")).to_be_visible()
    expect(bar(page)).not_to_have_attribute("aria-valuenow", re.compile(""))


def test_it_switches_to_a_run_that_is_started_elsewhere(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "completed")
    page = open_page()
    expect(label(page)).to_have_text("Completed")
    half_done(make_run, business_a)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(label(page)).to_have_text("Working")


def test_it_dispatches_events_to_its_page(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = open_page()
    show_card(page, type="receipt_sync", business=business_a.pk)
    expect(label(page)).to_have_text("Working")
    update_run(run, processed=150, heartbeat_at=Now())
    expect(page.locator("run-card").get_by_text("150 of 200")).to_be_visible(timeout=SOON)
    finish_run(run)
    expect(label(page)).to_have_text("Completed", timeout=SOON)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("run-card")).to_have_attribute("state", "none")
    assert dispatched_events(page) == [
        ["run:change", "running"],
        ["run:change", "running"],
        ["run:change", "completed"],
        ["run:finish", "completed"],
        ["run:dismiss", "completed"],
    ]


def test_it_uses_the_given_language(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    half_done(make_run, business_a, silent_for=400)
    page = open_page()
    show_card(page, type="receipt_sync", business=business_a.pk, lang="he")
    expect(label(page)).to_have_text("תקוע - אין עדכון")
    expect(page.get_by_text("למה זה המצב?")).to_be_visible()


def test_nothing_moves_while_the_bar_does(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a, rate=3.0)
    observe = """new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            const moved = entry.sources.map(source => source.node?.parentElement?.outerHTML ?? String(source.node));
            (window.shifts ??= []).push(moved);
        }
    }).observe({type: "layout-shift", buffered: false});"""
    page = open_page()
    expect(label(page)).to_have_text("Working")
    page.evaluate(observe)
    for processed in (109, 150, 199):
        update_run(
            run, processed=processed, succeeded=processed, progress_pct=processed / 2, heartbeat_at=Now(), rate=33.3
        )
        page.evaluate("document.querySelector('run-card').poller.pollNow()")
        expect(page.locator("run-card").get_by_text(f"{processed} of 200")).to_be_visible()
    assert page.evaluate("window.shifts ?? []") == []

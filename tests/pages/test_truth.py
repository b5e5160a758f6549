"""The open page through outages, sleep and clocks: it shows the truth within three seconds of coming back.

A real browser, the project served by granian as deployed, real workers where work is done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import read_run
from tests.browser import SOON, bar, finish_run, half_done, label, stop_timers, update_run
from tests.cast import MakeRun, client_of
from tests.post import held_mailbox
from tests.servers import collect_static, free_port, production, server
from tests.workers import until, worker

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True)]

PATIENT = {"RECEIPTS_IMAP_TIMEOUT_SECONDS": "600"}  # with a server of mail that stands still
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("web")) as url:
        yield url


def sign_in(context: BrowserContext, user: User, url: str, cookie: str = settings.SESSION_COOKIE_NAME) -> None:
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": cookie, "value": value, "url": url}])


def receipts(context: BrowserContext, url: str, slug: str = "business-a") -> Page:
    page = context.new_page()
    page.set_extra_http_headers({"Accept-Language": "en"})
    page.goto(f"{url}/b/{slug}/receipts/")
    return page


@pytest.fixture
def page_a(asgi: str, context: BrowserContext, member_a: User, mailbox_a: Mailbox) -> Callable[[], Page]:
    sign_in(context, member_a, asgi)
    return lambda: receipts(context, asgi)


def progress(run: Any, processed: int) -> None:
    update_run(run, processed=processed, succeeded=processed, progress_pct=processed / 2, heartbeat_at=Now())


def streamed_page(page_a: Callable[[], Page], run: Any) -> Page:
    """The page, once its stream has sent a change of the run."""
    page = page_a()
    expect(label(page)).to_have_text("Working")
    progress(run, 101)
    expect(page.locator("run-card").get_by_text("101 of 200")).to_be_visible(timeout=SOON)
    return page


def record_requests(context: BrowserContext) -> list[str]:
    """The URLs that the pages request from the API from now on."""
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url) if "/api/" in request.url else None)
    return urls


# The stream


def test_all_tabs_share_one_stream_and_another_takes_over(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    urls = record_requests(context)
    first, second = page_a(), page_a()
    for number, page in enumerate((first, second)):
        expect(label(page)).to_have_text("Working")
        progress(run, 110 + number)
        expect(page.locator("run-card").get_by_text(f"{110 + number} of 200")).to_be_visible(timeout=SOON)
    assert len([url for url in urls if "/stream/" in url]) == 1
    first.close()
    progress(run, 150)
    expect(second.locator("run-card").get_by_text("150 of 200")).to_be_visible(timeout=SOON)
    until(lambda: second.evaluate("1") and len([url for url in urls if "/stream/" in url]) == 2)
    progress(run, 160)
    expect(second.locator("run-card").get_by_text("160 of 200")).to_be_visible(timeout=SOON)


def test_a_page_with_a_stream_hardly_polls(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = streamed_page(page_a, run)
    urls, began = record_requests(context), time.monotonic()
    for processed in range(110, 180, 10):
        progress(run, processed)
        expect(page.locator("run-card").get_by_text(f"{processed} of 200")).to_be_visible()
    seconds = time.monotonic() - began  # a machine that is slow to send the changes is polled after 5 s without one
    assert len(urls) <= 1 + seconds // 5, urls
    stop_timers(page)
    progress(run, 180)
    expect(page.locator("run-card").get_by_text("180 of 200")).to_be_visible()


def test_a_card_of_a_run_that_is_gone_does_not_poll_for_each_change_of_another(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = streamed_page(page_a, run)
    stop_timers(page)
    urls = record_requests(context)
    page.evaluate(
        """business => {
        const card = document.createElement("run-card");
        for (const [name, value] of [["type", "receipt_sync"], ["business", business], ["run-id", "999999"]])
            card.setAttribute(name, value);
        document.body.append(card);
    }""",
        str(business_a.pk),
    )
    for processed in range(110, 160, 10):
        progress(run, processed)
        expect(page.locator("run-card").get_by_text(f"{processed} of 200")).to_be_visible()
    assert 1 <= len([url for url in urls if "/999999/" in url]) <= 2, urls


def test_a_run_that_begins_elsewhere_appears_at_once(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    with context.expect_event("response", lambda response: "/stream/" in response.url):
        page = page_a()
    expect(page.get_by_text("Nothing has been synced yet")).to_be_visible()
    stop_timers(page)
    half_done(make_run, business_a)
    expect(label(page)).to_have_text("Working")


# Lost and found


def test_the_network_is_lost_and_found(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = page_a()
    expect(label(page)).to_have_text("Working")
    context.set_offline(True)
    expect(label(page)).to_have_text("Last known: Working")
    expect(page.locator("run-card")).not_to_have_attribute("moving", "")
    stop_timers(page)
    finish_run(run)
    context.set_offline(False)
    expect(label(page)).to_have_text("Completed")


def test_the_session_is_lost_and_found(
    page_a: Callable[[], Page],
    asgi: str,
    context: BrowserContext,
    member_a: User,
    business_a: Business,
    make_run: MakeRun,
) -> None:
    run = half_done(make_run, business_a)
    page = page_a()
    expect(label(page)).to_have_text("Working")
    stop_timers(page)
    Session.objects.all().delete()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    expect(label(page)).to_have_text("Last known: Working")
    finish_run(run)
    sign_in(context, member_a, asgi)  # in another tab
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(label(page)).to_have_text("Completed")
    expect(page.get_by_text("You have been signed out.")).to_be_hidden()


def test_a_stream_that_outlives_the_session_does_not_hide_its_end(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    page = streamed_page(page_a, run)
    Session.objects.all().delete()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    watch_for_sign_in_hidden(page)
    urls = record_requests(context)
    progress(run, 120)  # still sent by the stream
    until(lambda: page.evaluate("1") and any("/receipt_sync/" in url for url in urls))
    expect(label(page)).to_have_text("Last known: Working")
    assert not page.evaluate("window.signInHidden")


def watch_for_sign_in_hidden(page: Page) -> None:
    page.locator("run-card").evaluate("""card => {
        window.signInHidden = false;
        new MutationObserver(() => { window.signInHidden ||= !card.shadowRoot.querySelector('a[href^="/login/"]'); })
            .observe(card.shadowRoot, {subtree: true, childList: true, characterData: true});
    }""")


def test_ten_minutes_of_sleep(page_a: Callable[[], Page], business_a: Business, make_run: MakeRun) -> None:
    run = half_done(make_run, business_a)
    page = page_a()
    page.clock.install()
    page.reload()
    expect(label(page)).to_have_text("Working")
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    finish_run(run)
    page.clock.fast_forward("10:00")
    page.clock.resume()
    expect(label(page)).to_have_text("Completed", timeout=10_000)  # a page that lost its timer would wait 20 s or more


def test_a_machine_that_slept_with_the_page_in_front(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun
) -> None:
    """No event tells of it, and the page's own clock stood still: only the wall clock has gone on."""
    half_done(make_run, business_a)
    page = page_a()
    expect(label(page)).to_have_text("Working")
    with page.expect_response("**/receipt_sync/**"):  # the last poll: from now on only the page's intervals go on
        page.evaluate("window.setTimeout = () => 0; window.dispatchEvent(new Event('focus'))")
    with page.expect_request("**/receipt_sync/**"):
        page.evaluate("(() => { const now = Date.now; Date.now = () => now() + 600000; })()")


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_readers_clock_is_an_hour_off(
    page_a: Callable[[], Page], context: BrowserContext, business_a: Business, make_run: MakeRun, hours: int
) -> None:
    run = half_done(make_run, business_a, silent_for=20)
    context.add_init_script(f"const now = Date.now; Date.now = () => now() + {hours * 3_600_000};")
    page = page_a()
    expect(page.get_by_text(re.compile(r"^Last heartbeat [2-5]\d seconds ago$"))).to_be_visible()
    expect(label(page)).to_have_text("Working")
    finish_run(run)
    expect(label(page)).to_have_text("Completed", timeout=SOON)


def test_the_way_back_through_the_history(
    asgi: str, context: BrowserContext, member_a: User, business_a: Business, mailbox_a: Mailbox, make_run: MakeRun
) -> None:
    """The page is loaded afresh: the API's answers are `no-store`, so Chromium doesn't cache it as a whole."""
    run = half_done(make_run, business_a)
    sign_in(context, member_a, asgi)
    page = receipts(context, asgi)
    expect(label(page)).to_have_text("Working")
    page.goto(f"{asgi}/card/")
    finish_run(run)
    page.go_back()
    expect(label(page)).to_have_text("Completed")
    half_done(make_run, business_a)
    expect(label(page)).to_have_text("Working", timeout=SOON)


# Deploys


def test_an_open_page_outlives_a_deploy(
    tmp_path: Path, context: BrowserContext, member_a: User, business_a: Business, mailbox_a: Mailbox, make_run: MakeRun
) -> None:
    run = half_done(make_run, business_a)
    port = free_port()
    old = tmp_path / "old/static"
    collect_static(old)
    with server(tmp_path / "web", production(old), port=port) as url:
        sign_in(context, member_a, url, "sessionid")
        page = receipts(context, url)
        expect(label(page)).to_have_text("Working")
    expect(label(page)).to_have_text("Last known: Working", timeout=60_000)
    progress(run, 180)
    new = _redone(old, tmp_path / "new/static")
    with server(tmp_path / "web", production(new), port=port):
        expect(label(page)).to_have_text("Working", timeout=60_000)
        expect(bar(page)).to_have_attribute("aria-valuenow", "90")
        page.reload()
        expect(bar(page)).to_have_attribute("aria-valuenow", "90")
        assert page.locator("link[href*='frame.0123456789ab.css']").count() == 1
        finish_run(run)
        expect(label(page)).to_have_text("Completed", timeout=SOON)


def _redone(old: Path, new: Path) -> Path:
    """The static files of a next version: one of them has another hash, and its old name is gone."""
    shutil.copytree(old, new)
    manifest = json.loads((new / "staticfiles.json").read_text())
    name = manifest["paths"]["runs/frame.css"]
    manifest["paths"]["runs/frame.css"] = "runs/frame.0123456789ab.css"
    (new / name).rename(new / "runs/frame.0123456789ab.css")
    (new / "staticfiles.json").write_text(json.dumps(manifest))
    return new


# Real work


@contextmanager
def visitor(browser: Browser, user: User, url: str, business: Business) -> Iterator[Page]:
    context = browser.new_context()
    sign_in(context, user, url)
    yield receipts(context, url, business.slug)
    context.close()


def test_two_businesses_see_their_own_and_a_refresh_shows_the_servers_numbers(
    asgi: str,
    browser: Browser,
    files: Path,
    member_a: User,
    member_b: User,
    business_a: Business,
    business_b: Business,
) -> None:
    with (
        visitor(browser, member_a, asgi, business_a) as a,
        visitor(browser, member_b, asgi, business_b) as b,
        held_mailbox(business_a, messages=300, held_after=100) as (mailbox, released),
        worker(files.parent, environment=PATIENT),
    ):
        expect(b.get_by_text("Nothing has been synced yet")).to_be_visible()
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        expect(label(a)).to_have_text("Working", timeout=60_000)
        until(lambda: read_run(run).processed > 20)
        for page in (a, b):
            with page.expect_response("**/stream/**"):
                page.reload()
        expect(b.get_by_text("Nothing has been synced yet")).to_be_visible()
        expect(label(a)).to_have_text("Working")
        stop_timers(a)
        released.set()
        until(lambda: not read_run(run).is_active, seconds=300)
        expect(label(a)).to_have_text("Completed")
        a.reload()
        shown = client_of(member_a).get(f"/api/runs/receipt_sync/{run.pk}/").json()
        expect(bar(a)).to_have_attribute("aria-valuenow", "100")
        for part in ("succeeded", "skipped", "failed"):
            expect(a.locator(f"[part={part}]")).to_have_text(str(shown[part]))
        expect(b.locator("run-card")).to_have_attribute("state", "none")


def test_a_worker_that_stops_in_mid_task_is_shown_as_quiet_and_then_stale(
    page_a: Callable[[], Page], business_a: Business, mailbox_a: Mailbox, files: Path
) -> None:
    with held_mailbox(business_a, messages=400, held_after=100) as (mailbox, _released):
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        page = page_a()
        with worker(files.parent, environment=PATIENT) as process:
            expect(label(page)).to_have_text("Working", timeout=60_000)
            until(lambda: read_run(run).processed >= 10)
            stop_between_writes(process)
            before = read_run(run).processed
            stop_timers(page)
            later(run, 61)
            expect(label(page)).to_have_text("Quiet")
            later(run, 301)
            expect(label(page)).to_have_text("Stuck - no updates")
            expect(page.get_by_role("button", name="Retry", exact=True)).to_be_visible()
            assert read_run(run).processed == before


def stop_between_writes(worker: Popen[bytes]) -> None:
    """Stopped within a transaction it would keep the run's row locked, also against this test."""
    os.killpg(worker.pid, signal.SIGSTOP)
    while is_in_transaction() or is_in_transaction():  # twice: what it sent last may only just have arrived
        os.killpg(worker.pid, signal.SIGCONT)
        is_in_transaction()  # meanwhile it goes on
        os.killpg(worker.pid, signal.SIGSTOP)


def is_in_transaction() -> bool:
    """Is any other session, be it idle or, with a pipeline open, counted as active?"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        return bool(cursor.fetchone() != (0,))


def later(run: Any, seconds: int) -> None:
    """As if so much time had passed since the last heartbeat; nothing else changes, not even the version."""
    ReceiptSyncRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))

"""Staff follow runs by the stream, over a real server: the operator's home, a run's admin page, and visits."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from subprocess import Popen

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from runs.models import Business
from tests.browser import SOON, finish_run, half_done, stop_timers, update_run
from tests.cast import MakeRun
from tests.event_streams import make_token, open_stream, open_stream_at
from tests.servers import START_SECONDS, answers, free_port, get, start_server
from tests.workers import kill, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[tuple[str, Popen[bytes]]]:
    """The address of a server, and its process."""
    port = free_port()
    started = start_server(tmp_path_factory.mktemp("web"), port, "asginl", {})
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}", started
    finally:
        kill(started)


@pytest.fixture
def asgi(process: tuple[str, Popen[bytes]]) -> str:
    return process[0]


@pytest.fixture
def freeze(process: tuple[str, Popen[bytes]]) -> Callable[[], AbstractContextManager[None]]:
    """The server answers nothing, while its connections stay open: as if the network had lost them."""

    @contextmanager
    def frozen() -> Iterator[None]:
        os.killpg(process[1].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(process[1].pid, signal.SIGCONT)

    return frozen


def staff_with(*permissions: str) -> User:
    user = User.objects.create_user("-".join(permissions) or "helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def cookie_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def status_of(address: str, **headers: str) -> int:
    return get(address, headers={"Accept": "text/event-stream", **headers}).status_code


def lose_permission(user: User) -> None:
    user.user_permissions.clear()


# Over HTTP


def test_an_operator_gets_a_business_as_its_members_do_with_the_actions_that_are_allowed(
    asgi: str, staff: User, business_a: Business, business_b: Business, make_sync_run: MakeRun
) -> None:
    run = make_sync_run(business_a, "running", total=10)
    make_sync_run(business_b, "running")
    address = f"{asgi}/api/staff/runs/stream/?business={business_a.pk}"
    viewer = staff_with("view_operations")
    with (
        open_stream_at(address, Authorization=make_token(staff)) as controls,
        open_stream_at(address, Authorization=make_token(viewer)) as views,
    ):
        assert controls.next_run()["actions"] == ["cancel", "pause"]
        assert views.next_run()["actions"] == []
        update_run(run, processed=5, heartbeat_at=Now())
        for stream in (controls, views):
            change = stream.next_run()
            assert (change["id"], change["processed"]) == (run.pk, 5), "and nothing of business B"
        lose_permission(viewer)
        assert views.ends_without_event()


def test_only_staff_who_view_operations_open_it(asgi: str, business_a: Business, member_a: User) -> None:
    address = f"{asgi}/api/staff/runs/stream/?business={business_a.pk}"
    for user in (member_a, staff_with(), staff_with("view_any_business"), staff_with("view_receiptsyncrun")):
        assert status_of(address, Authorization=make_token(user)) == 404, user
    nowhere = f"{asgi}/api/staff/runs/stream/?business=nowhere"
    assert status_of(nowhere, Authorization=make_token(staff_with("view_operations"))) == 404
    assert status_of(address) == 401


def test_a_visit_is_streamed_without_actions_in_its_session_alone_and_recorded_once(
    asgi: str, business_a: Business, member_b: User, make_sync_run: MakeRun
) -> None:
    visitor = staff_with("view_any_business")
    run = make_sync_run(business_a, "running", total=10)
    cookie = cookie_of(visitor)
    address = f"{asgi}/api/runs/stream/?business={business_a.pk}"
    assert status_of(address, Cookie=cookie) == 404, "no page of it was opened"
    get(f"{asgi}/b/business-a/", headers={"Cookie": cookie}).raise_for_status()
    for headers in (
        {"Authorization": make_token(visitor), "Cookie": cookie},
        {"Cookie": cookie_of(visitor)},
        {"Cookie": cookie_of(member_b)},
    ):
        assert status_of(address, **headers) == 404
    for _ in range(2):
        with open_stream(asgi, business_a.pk, Cookie=cookie) as stream:
            first = stream.next_run()
            assert (first["id"], first["actions"]) == (run.pk, [])
    assert LogEntry.objects.count() == 1, "opening the page, not connecting to its stream"
    with open_stream(asgi, business_a.pk, Cookie=cookie) as stream:
        assert stream.next_run()
        lose_permission(visitor)
        assert stream.ends_without_event()


def test_members_and_staff_of_one_business_get_events_of_their_own(
    asgi: str, staff: User, business_a: Business, member_a: User, make_sync_run: MakeRun
) -> None:
    """They share one poll, so what staff may not do must not leak into the members' events."""
    run = make_sync_run(business_a, "running", total=10)
    viewer = staff_with("view_operations")
    with (
        open_stream_at(
            f"{asgi}/api/staff/runs/stream/?business={business_a.pk}", Authorization=make_token(viewer)
        ) as views,
        open_stream(asgi, business_a.pk, Authorization=make_token(member_a)) as member,
    ):
        for processed in (0, 1):
            assert (views.next_run()["actions"], member.next_run()["actions"]) == ([], ["cancel", "pause"])
            update_run(run, processed=processed + 1)


# In the browser


def open_as(user: User, context: BrowserContext, url: str, path: str) -> Page:
    name, value = cookie_of(user).split("=", 1)
    context.add_cookies([{"name": name, "value": value, "url": url}])
    page = context.new_page()
    page.set_extra_http_headers({"Accept-Language": "en"})
    page.goto(f"{url}{path}")
    return page


# The first row's button, as soon as it is there.
CLICK_WHAT_COMES = """new MutationObserver(() => document.querySelector("#now-rows [data-action=cancel]").click())
    .observe(document.querySelector("#now-rows tr"), {childList: true, subtree: true})"""


def record_requests(context: BrowserContext) -> list[str]:
    """The URLs that the pages request from now on."""
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    return urls


@pytest.mark.needs("chromium")
def test_the_home_follows_all_runs_by_the_stream_and_without_contact_nothing_can_be_pressed(
    asgi: str, freeze: Callable[[], AbstractContextManager[None]], staff: User, context: BrowserContext,
    business_a: Business, business_b: Business, make_sync_run: MakeRun,
) -> None:  # fmt: skip
    context.clock.install()
    page = open_as(staff, context, asgi, "/admin/")
    rows, notice = page.locator("#now-rows tr"), page.locator("#now-lost")
    expect(page.locator("#now-empty")).to_be_visible()
    urls = record_requests(context)
    run = half_done(make_sync_run, business_a)
    expect(rows).to_contain_text(["50.0%"], timeout=SOON)
    expect(page.locator("[data-figure=active] strong")).to_have_text("1")
    trouble = make_sync_run(business_b, "running", silent_for=70)
    expect(rows).to_contain_text(["Quiet", "Working"], timeout=SOON)
    update_run(trouble, heartbeat_at=Now(), progress_at=Now(), processed=3)
    expect(rows).to_contain_text(["Working", "Working"], timeout=SOON)
    assert urls == [], "what came, came by the stream"
    pause = rows.filter(has_text="Business A").get_by_role("button", name="Pause")
    pause.focus()
    with freeze():
        context.clock.fast_forward(13_000)
        expect(notice).to_contain_text("No contact with the server")
        assert {button.get_attribute("aria-disabled") for button in page.locator("#now-rows button").all()} == {"true"}
        pause.click(force=True)
        assert not any("/pause/" in url for url in urls)
    expect(notice).to_be_empty(timeout=SOON)
    expect(pause).to_be_focused()
    pause.click()
    row = rows.filter(has_text="Business A")
    expect(row).to_contain_text("requested: Pause", timeout=SOON)
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_contain_text("requested: Cancel", timeout=SOON)
    for each in (run, trouble):
        finish_run(each)
    page.mouse.move(0, 0)
    expect(row).to_have_count(0, timeout=SOON)
    make_sync_run(business_a, "failed", error_code="exception", finished_at=Now())
    retry = row.get_by_role("button", name="Retry")
    expect(retry).to_be_visible(timeout=SOON)
    questions: list[str] = []
    page.on("dialog", lambda dialog: questions.append(dialog.message))
    page.on("dialog", lambda dialog: dialog.accept())
    page.evaluate(CLICK_WHAT_COMES)
    page.wait_for_timeout(1_100)  # a click on what has just come is ignored, as is the one below
    retry.click()
    expect(row.get_by_role("button", name="Cancel")).to_be_visible(timeout=SOON)
    assert questions == [], "the second click of two was meant for Retry"


@pytest.mark.needs("chromium")
def test_the_cards_of_staff_follow_their_run_by_the_stream(
    asgi: str, context: BrowserContext, business_a: Business, make_sync_run: MakeRun
) -> None:
    run = half_done(make_sync_run, business_a)
    user = staff_with("view_operations", "view_any_business", "view_receiptsyncrun")
    pages = [
        open_as(user, context, asgi, path)
        for path in (f"/admin/receipts/receiptsyncrun/{run.pk}/change/", "/b/business-a/")
    ]
    counts = [page.locator("run-card [part=count]") for page in pages]
    for count in counts:
        expect(count).to_have_text("100 of 200 messages")
    urls, began = record_requests(context), time.monotonic()
    for processed in (110, 120, 130):
        update_run(run, processed=processed, heartbeat_at=Now())
        for count in counts:
            expect(count).to_have_text(f"{processed} of 200 messages")
    polls = [url for url in urls if "/api/" in url and not url.endswith("/events/")]
    seconds = time.monotonic() - began  # a machine that is slow to send the changes is polled after 5 s without one
    assert len(polls) <= len(pages) * (1 + seconds // 5), polls
    for page in pages:
        stop_timers(page)
    update_run(run, processed=140, heartbeat_at=Now())
    for count in counts:
        expect(count).to_have_text("140 of 200 messages")
    finish_run(run)
    for page in pages:
        expect(page.locator("run-card [part=label]").first).to_have_text("Completed")
    expect(pages[0].get_by_role("button", name="Dismiss")).to_have_count(0)  # its page would be empty

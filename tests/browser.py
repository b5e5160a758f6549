"""A real browser before a real server, signed in, that lets no complaint in its console pass."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from receipts.models import Mailbox, ReceiptSyncRun
from runs.models import Business
from runs.states import Status
from tests.cast import MakeRun

OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
RUNS_URL = re.compile(r".*/api/runs/.*")
SOON = 30_000  # ms: patience with a busy machine; what must be quicker is tested with the page's timers stopped
Open = Callable[..., Page]

expect.set_options(timeout=SOON)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {
        # Where it is installed, the one without windows: the same pages take two thirds of the processor.
        "executable_path": shutil.which("chromium-headless-shell") or shutil.which("chromium"),
        "args": ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in OFF)],
    }


@pytest.fixture
def open_page(
    live_server: LiveServer, context: BrowserContext, client: Client, member_a: User, mailbox_a: Mailbox
) -> Iterator[Open]:
    """The page of business A, signed in as its member. Nothing may be complained of in the console."""
    client.force_login(member_a)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []

    def opened(*, before: str = "", path: str = "/b/business-a/receipts/", language: str = "en") -> Page:
        page = context.new_page()
        page.set_extra_http_headers({"Accept-Language": language})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        if before:
            page.add_init_script(before)
        page.goto(f"{live_server.url}{path}")
        return page

    yield opened
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def stop_timers(page: Page) -> None:
    """From now on only an event or the stream brings a change to the page, however long the test waits for it."""
    page.evaluate("""() => {
        for (let id = setTimeout(() => {}); id > 0; id--) clearTimeout(id);
        window.setTimeout = window.setInterval = () => 0;
    }""")


def update_run(run: Any, **columns: Any) -> None:
    """What a worker would write."""
    ReceiptSyncRun.objects.filter(pk=run.pk).update(version=F("version") + 1, **columns)


def finish_run(run: Any) -> None:
    columns = {"total": 200, "processed": 200, "succeeded": 200, "progress_pct": 100.0}
    ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=Now(), **columns)


def half_done(make_run: MakeRun, business: Business, **columns: Any) -> Any:
    defaults = {"total": 200, "processed": 100, "succeeded": 100, "progress_pct": 50.0}
    return make_run(business, "running", **{**defaults, **columns})


def label(page: Page) -> Any:
    return page.locator("[part=label]")


def bar(page: Page) -> Any:
    return page.get_by_role("progressbar")


def read_storage(page: Page) -> dict[str, Any]:
    kept = page.evaluate("Object.entries(localStorage)")
    return {key: json.loads(value) for key, value in kept}

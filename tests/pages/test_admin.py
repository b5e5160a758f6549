"""The admin in a real browser: the operator's home follows the runs, and every page of ours is accessible.

The server of these tests can't stream, so the home asks again every five seconds; `test_staff_stream` has the stream.
Screenshots are left in `var/test/screenshots`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from broadcasts.models import ProviderAccount
from receipts.models import Mailbox, Receipt
from recordings.models import Source
from runs.models import Business, Worker
from runs.states import ErrorCode, Status
from tests.accessibility import DESKTOP, LOOKS, SCREENSHOTS, find_violations, scrolls_sideways
from tests.browser import SOON
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")

OpenAdmin = Callable[..., Page]


@pytest.fixture
def open_admin(live_server: LiveServer, context: BrowserContext, client: Client, staff: User) -> Iterator[OpenAdmin]:
    client.force_login(staff)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    complaints: list[str] = []

    def opened(path: str = "/admin/", language: str = "en") -> Page:
        page = context.new_page()
        page.set_extra_http_headers({"Accept-Language": language})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}{path}")
        return page

    yield opened
    assert complaints == []


def row_of(page: Page, business: Business) -> Any:
    return page.locator("#now-rows tr").filter(has_text=business.name)


def test_where_the_server_cannot_stream_the_home_asks_again(
    open_admin: OpenAdmin, business_a: Business, make_run: MakeRun
) -> None:
    page = open_admin()
    expect(page.locator("#now-empty")).to_be_visible()
    make_run(business_a, "running", total=200, processed=50, progress_pct=25.0)
    expect(row_of(page, business_a).get_by_role("progressbar")).to_have_attribute("value", "25.0", timeout=SOON)
    expect(page.locator("[data-figure=active] strong")).to_have_text("1")
    Session.objects.all().delete()
    expect(page.locator("#now-lost")).to_have_text("You have been signed out. Sign in again", timeout=SOON)
    page.get_by_role("link", name="Sign in again").click()
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/admin/$"))


def test_from_the_home_a_business_is_reset_by_two_clicks_and_the_reason(
    open_admin: OpenAdmin, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    stuck, other = make_run(business_a, "running", silent_for=70), make_run(business_b, "running")
    page = open_admin()
    row_of(page, business_a).get_by_role("link", name="Reset").click()
    page.get_by_label("Reason").fill("Their bar is stuck")
    page.get_by_role("button", name="Reset progress").click()
    expect(page.get_by_text("Successfully reset 1 stuck run.")).to_be_visible()
    expect(page.locator("#now-rows tr")).to_have_count(1)
    stuck.refresh_from_db()
    other.refresh_from_db()
    assert (stuck.error_code, other.status) == (ErrorCode.RESET, Status.RUNNING)
    assert stuck.events.latest("pgh_id").pgh_context["reason"] == "Their bar is stuck"


@pytest.fixture
def everything(business_a: Business, business_b: Business, make_run: MakeRun, mailbox_a: Mailbox) -> dict[str, str]:
    """The project's own pages of the admin by name, with something on each."""
    Worker.objects.announce(name="worker@one", boot="b", queues=["receipts", "control"], slots=2)
    run = make_run(business_a, "failed", failed_items=2, total=200, processed=120, succeeded=118, progress_pct=60.0)
    make_run(business_a, "running", total=200, processed=50, succeeded=50, progress_pct=25.0)
    make_run(business_b, "running", silent_for=70, processed=1234, succeeded=1230)
    for name, status in (("Paused Company", "paused"), ("A queue", "queued")):
        make_run(Business.objects.create(name=name, slug=name.lower().replace(" ", "-")), status)
    Receipt.objects.create(business=business_a, message_id="<1@x>", vendor="Bezeq", amount="99.90", currency="ILS")
    source = Source.objects.create(business=business_a, name="Calls", kind=Source.Kind.FOLDER, folder="/calls")
    account = ProviderAccount.objects.create(business=business_a, name="Demo", kind=ProviderAccount.Kind.OUTBOX)
    return {
        "admin": "/admin/",
        "admin-reset": f"/admin/runs/business/reset-progress/?business={business_a.pk}",
        "admin-businesses": "/admin/runs/business/",
        "admin-business": f"/admin/runs/business/{business_a.pk}/change/",
        "admin-workers": "/admin/runs/worker/",
        "admin-runs": "/admin/receipts/receiptsyncrun/",
        "admin-run": f"/admin/receipts/receiptsyncrun/{run.pk}/change/",
        "admin-receipts": "/admin/receipts/receipt/",
        "admin-mailbox": f"/admin/receipts/mailbox/{mailbox_a.pk}/change/",
        "admin-account": f"/admin/broadcasts/provideraccount/{account.pk}/change/",
        "admin-source": f"/admin/recordings/source/{source.pk}/change/",
    }


def test_only_the_fields_that_apply_are_shown(open_admin: OpenAdmin, everything: dict[str, str]) -> None:
    page = open_admin(everything["admin-account"])
    expect(page.get_by_label("Share that fails")).to_be_visible()
    expect(page.get_by_label("Access token")).to_be_hidden()
    page.get_by_label("Provider").select_option("meta")
    expect(page.get_by_label("Access token")).to_be_visible()
    expect(page.get_by_label("Share that fails")).to_be_hidden()


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_every_page_of_the_admin_is_accessible(
    open_admin: OpenAdmin, live_server: LiveServer, everything: dict[str, str], language: str, theme: Any
) -> None:
    """All in one test: they share one browser and what is on them."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = open_admin("/admin/", language)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found: list[str] = []
    for name, path in everything.items():
        page.set_viewport_size(DESKTOP)
        page.goto(f"{live_server.url}{path}")
        expect(page.locator("html")).to_have_class(re.compile("dark" if theme == "dark" else "^(?!.*dark)"))
        page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}.png", full_page=True)
        found += [f"{name} {violation}" for violation in find_violations(page)]
        if name in ("admin", "admin-reset"):
            page.set_viewport_size({"width": 320, "height": 800})
            page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}-320.png", full_page=True)
            assert not scrolls_sideways(page)
    assert found == [], "\n".join(sorted({text[:160] for text in found}))

"""Every page and every state of the card, in both languages and themes: WCAG 2.2 AA, keyboard, small screens, size.

Screenshots of all of them are left in `var/test/screenshots`.
"""

from __future__ import annotations

from typing import Any

import brotli
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from broadcasts.models import OptOut
from receipts.models import Receipt
from runs.models import Business
from tests.accessibility import DESKTOP, LOOKS, SCREENSHOTS, find_violations
from tests.browser import Open, half_done, label
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")

BUDGET = 36_000  # bytes, compressed: the page with the card, its styles, scripts and first answer

PAGES = {
    "overview": "/b/business-a/",
    "receipts": "/b/business-a/receipts/",
    "broadcasts": "/b/business-a/broadcasts/",
    "opt-outs": "/b/business-a/broadcasts/opt-outs/?state=all",
    "recordings": "/b/business-a/recordings/",
    "history": "/b/business-a/runs/",
    "run": "/b/business-a/runs/receipt_sync/{run}/",
    "card": "/card/",
    "account": "/account/",
    "nowhere": "/nowhere/",
}


@pytest.fixture
def run(business_a: Business, make_run: MakeRun) -> Any:
    """A business with something of everything that the pages show."""
    make_run(business_a, "completed", total=30, processed=30, succeeded=30, progress_pct=100.0)
    Receipt.objects.create(business=business_a, message_id="<1@x>", vendor="Bezeq", amount="99.90", currency="ILS")
    for n, source in enumerate(OptOut.Source):
        OptOut.objects.create(business=business_a, phone=f"+9725020000{n:02}", source=source, words="הסר אותי, please")
    points = [[second, second * 3 + second % 5] for second in range(30)]
    return half_done(make_run, business_a, failed_items=3, rate=3.2, pace=points)


def open_everything(page: Page) -> None:
    """What is folded away is read too."""
    page.evaluate(
        """() => {
            const cards = [...document.querySelectorAll("*")].flatMap(each => each.shadowRoot ?? []);
            for (const root of [document, ...cards]) {
                for (const fold of root.querySelectorAll("details:not(.menu)")) {
                    fold.removeAttribute("name");
                    fold.open = true;
                }
            }
        }"""
    )
    if page.locator("run-card:not([state=none])").count():
        expect(page.locator("[part=events] li").first).to_be_visible()


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_every_page_is_accessible(
    open_page: Open, live_server: LiveServer, run: Any, language: str, theme: Any
) -> None:
    """All in one test: they share one browser and what is on them."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = open_page(path="/nowhere/", language=language)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found: list[str] = []
    for name, path in PAGES.items():
        page.set_viewport_size(DESKTOP)
        page.goto(f"{live_server.url}{path.format(run=run.pk)}")
        if name not in ("nowhere", "history", "account", "opt-outs"):
            expect(page.locator("[state]").first).not_to_have_attribute("state", "loading")
        open_everything(page)
        page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}.png", full_page=True)
        found += [f"{name}: {violation}" for violation in find_violations(page)]
        for width in (1920, 375, 320):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{name} is wider than {width} px")
        page.screenshot(path=SCREENSHOTS / f"{name}-{language}-{theme}-320.png", full_page=True)
    assert found == []


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_the_sign_in_page_is_accessible(
    live_server: LiveServer, page: Page, db: None, language: str, theme: Any
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.set_extra_http_headers({"Accept-Language": language})
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/login/")
    page.locator("[name=username]").fill("nobody")
    page.locator("[name=password]").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("[name=username]")).to_have_value("nobody")  # the typed name stays
    page.screenshot(path=SCREENSHOTS / f"login-{language}-{theme}.png")
    assert find_violations(page) == []


def test_the_keyboard_does_everything(open_page: Open, business_a: Business, run: Any) -> None:
    page = open_page()
    expect(label(page)).to_have_text("Working")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, "Cancel")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Pausing…")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_focused()  # it isn't thrown away under the finger
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[part=items] li")).to_have_count(3)


def _tab_to(page: Page, button: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.shadowRoot?.activeElement?.textContent") == button:
            return
    raise AssertionError(f"{button} can't be reached")


def test_the_page_with_its_card_is_small(
    live_server: LiveServer, context: BrowserContext, client: Client, member_a: User, run: Any
) -> None:
    """Written down as a budget; what browsers get is compressed by whitenoise or nginx, pages by Django."""
    client.force_login(member_a)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    loaded: dict[str, bytes] = {}

    def weigh(response: Response) -> None:
        if response.status == 200:
            loaded[response.url] = response.body()

    page.on("response", weigh)
    page.goto(f"{live_server.url}{PAGES['receipts']}")
    expect(label(page)).to_have_text("Working")
    weights = {url.removeprefix(live_server.url): len(brotli.compress(body)) for url, body in loaded.items()}
    assert len(weights) > 10
    assert sum(weights.values()) < BUDGET, weights
    assert all(url.startswith(live_server.url) for url in loaded), "no request leaves the installation"

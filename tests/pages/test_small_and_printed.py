"""Small screens and paper: nothing is cut off or split, and a print is the report, without forms."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from runs.models import Business
from tests.browser import Open, half_done, label
from tests.cast import MakeRun

pytestmark = pytest.mark.needs("chromium")

SPLIT_WORDS = """() => {
    // A word is split where its text takes two lines.
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const split = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        for (const { index, 0: word } of node.data.matchAll(/[\\p{L}\\p{N}]{2,20}/gu)) {
            const range = document.createRange();
            range.setStart(node, index);
            range.setEnd(node, index + word.length);
            if (new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size > 1) split.push(word);
        }
    }
    return split;
}"""


def is_in_sight(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    width = (page.viewport_size or {"width": 0})["width"]
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_a_phone_splits_no_words_stacks_the_rows_and_shows_the_current_tab(
    open_page: Open, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "completed", total=30, processed=30, succeeded=27, failed=3)
    run = half_done(make_run, business_a, failed_items=2)
    run.items.update(error_message="The attachment of this message could not be opened by any of the known readers.")
    for path in ("/b/business-a/runs/", f"/b/business-a/runs/receipt_sync/{run.pk}/", "/b/business-a/"):
        page = open_page(path=path)
        for width in (320, 470):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
            assert page.evaluate(SPLIT_WORDS) == [], (path, width)
            assert is_in_sight(page, ".tabs [aria-current]"), (path, width)
            for row in page.locator(".rows li").all():
                parts = [row.locator(part).bounding_box() for part in (".pill", ".what", "time", ".how-much")]
                assert len({round(part["x"]) for part in parts if part}) == 1, path  # one above the other
        page.close()
    page = open_page(path="/card/")
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate(SPLIT_WORDS) == []


def test_a_print_is_the_report_without_forms(open_page: Open, business_a: Business, make_run: MakeRun) -> None:
    half_done(make_run, business_a)
    page = open_page()
    expect(label(page)).to_have_text("Working")
    page.emulate_media(media="print")
    expect(label(page)).to_be_visible()
    expect(page.locator("#receipts")).to_be_visible()
    for gone in ("form", "button", ".top"):
        assert not any(each.is_visible() for each in page.locator(gone).all()), gone

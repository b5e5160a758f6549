"""WCAG 2.2 AA on a page in the browser, judged by axe; and where the suite leaves its screenshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Page

SCREENSHOTS = Path(settings.BASE_DIR, "var/test/screenshots")
# Each page is judged in both: no colour depends on the language, and nothing else on the theme.
LOOKS: tuple[tuple[str, Any], ...] = (("en", "light"), ("he", "dark"))
DESKTOP: Any = {"width": 1280, "height": 720}

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],  # passed checks would be listed in full too
    "preload": {"assets": ["media"]},  # no rule of these levels reads style sheets
}


def find_violations(page: Page, within: str | None = None) -> list[str]:
    found = Axe().run(page, context=within, options=OPTIONS).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def scrolls_sideways(page: Page) -> bool:
    """Does the page, or a table's panel on it, have to be scrolled sideways?"""
    elements = "[document.documentElement, ...document.querySelectorAll('.run-panel, .now-scroll')]"
    return bool(page.evaluate(f"{elements}.some((element) => element.scrollWidth > element.clientWidth)"))

"""A text that counts has a plural form, so that each language has its own words for one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("runs", "receipts", "recordings", "broadcasts")
WITHOUT_PLURAL = {"_", "gettext", "gettext_lazy", "gettext_noop"}
# A number, and what it counts: "%(n)d messages", "{{ n }} runs".
COUNTS = re.compile(r"(?:%\(\w+\)d|%\((?:n|count|number)\)s|\{\{ *(?:n|count|number) *\}\}|\{n\}) [a-z]{2,}s\b")
# These are never one: limits that the code sets, times that the settings set, and percents in quarters.
NEVER_ONE = re.compile(
    r"^More than |^The first |^The newest |24 hours|%\((minutes|hours)\)d (minutes|hours)|rounds missed"
)


def texts_of_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WITHOUT_PLURAL:
            yield from (part.value for part in node.args if isinstance(part, ast.Constant))  # type: ignore[misc]


def texts_of_template(path: Path) -> Iterator[str]:
    source = path.read_text()
    yield from re.findall(r"""\{% translate ["'](.*?)["'] %\}""", source)
    yield from re.findall(r"\{% blocktranslate(?! count)[^%]*%\}(.*?)\{% endblocktranslate %\}", source, re.DOTALL)


def test_no_text_counts_without_a_plural_form() -> None:
    code = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    texts = {text for path in code for text in texts_of_code(path)}
    texts |= {text for path in (ROOT / "templates").rglob("*.html") for text in texts_of_template(path)}
    assert len(texts) > 500
    assert [text for text in texts if COUNTS.search(text) and not NEVER_ONE.search(text)] == []


@pytest.mark.parametrize("text", ["%(n)d messages", "and {n} calls", "{{ n }} runs were left."])
def test_what_counts_is_recognised(text: str) -> None:
    assert COUNTS.search(text)


def test_hebrew_says_one_in_words() -> None:
    with (ROOT / "locale/he/LC_MESSAGES/django.mo").open("rb") as file:
        catalog = vars(GNUTranslations(file))["_catalog"]
    of_one = [text for key, text in catalog.items() if isinstance(key, tuple) and key[1] == 0]
    assert len(of_one) > 40
    assert [text for text in of_one if re.search(r"%\((n|count|number|seconds|minutes|hours|days)\)", text)] == []

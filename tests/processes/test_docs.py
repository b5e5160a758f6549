"""Every file, test and name in the code that the documents mention exists, so that a search for it finds it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from progress_project.local.environment import BASE_DIR
from runs.states import TRANSITIONS

DOCUMENTS = ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (BASE_DIR / "docs").glob("*.md")))
# These speak of nothing but this project's own code; the others also quote what belongs to Meta or Django.
OWN_NAMES = ("docs/protocol.md", "docs/glossary.md", "docs/api.md", "CONTRIBUTING.md")
FOLDERS = ("", "runs/")  # where a path may begin
NOT_OURS = {"var", "build", "node_modules"}
SOURCES = {".py", ".js", ".html", ".toml"}
# Examples of names, and names of other projects.
FOREIGN = {"_x", "update_or_create", "var/<port>"}


def quoted(document: str) -> list[str]:
    """What is set as code within sentences and tables."""
    text = re.sub(r"```.*?```", "", (BASE_DIR / document).read_text(), flags=re.DOTALL)
    return sorted(set(re.findall(r"`([^`\n]+)`", text)) - FOREIGN)


@cache
def files() -> frozenset[str]:
    tops = [path for path in BASE_DIR.iterdir() if not path.name.startswith(".") and path.name not in NOT_OURS]
    paths = [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]
    return frozenset(str(path.relative_to(BASE_DIR)) for path in paths)


@cache
def words_of_source() -> frozenset[str]:
    """All words of the product's source."""
    sources = [path for path in files() if Path(path).suffix in SOURCES and not path.startswith(("tests/", "docs/"))]
    return frozenset(word for path in sources for word in re.findall(r"[\w-]+", (BASE_DIR / path).read_text()))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_file_that_is_named_exists(document: str) -> None:
    paths = [name for name in quoted(document) if re.fullmatch(r"[\w./-]+\.(py|js|md|toml|html|conf)", name)]
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (BASE_DIR / document).read_text())
    assert [path for path in paths if not any(folder + path in files() for folder in FOLDERS)] == []
    assert [path for path in linked if not (BASE_DIR / document).parent.joinpath(path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_test_that_is_named_exists(document: str) -> None:
    tests = {Path(path).stem for path in files()}
    assert [name for name in quoted(document) if re.fullmatch(r"test_\w+", name) and name not in tests] == []


@pytest.mark.parametrize("document", OWN_NAMES)
def test_a_name_that_is_mentioned_is_in_the_source(document: str) -> None:
    names = [name for name in quoted(document) if re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z_]+)*(\(.*\))?", name)]
    parts = {part for name in names for part in name.partition("(")[0].split(".")}
    own = {part for part in parts if not part.startswith("test_")}
    assert own - words_of_source() - {Path(path).name for path in files()} == set()


def test_the_table_of_transitions_is_that_of_the_code() -> None:
    protocol = (BASE_DIR / "docs/protocol.md").read_text()
    section = protocol.partition("### Statuses and transitions")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", section, flags=re.MULTILINE)
    assert rows == [(each.source.value, each.target.value, each.who) for each in TRANSITIONS]

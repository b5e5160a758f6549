"""`python -m benchmarks readability [FOLDER …]`: how long modules and functions are, and how they are named.

Facts about the source, without a judgement: a row for this project, one for each peer, and one for each FOLDER with
Python source, such as a checkout of another project. Migrations, tests, demos and benchmarks are left out everywhere.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from rich.console import Console
from rich.table import Table

OWN_SOURCE: Final = Path(__file__).parent.parent
LEFT_OUT: Final = {"migrations", "tests", "test", "demo", "benchmarks", "docs", "var", "build", "node_modules"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Facts:
    """Lengths are in lines of source, shares in percent of the functions; None wasn't measured."""

    name: str
    modules: int | None = None
    module_median: float | None = None
    module_max: int | None = None
    functions: int | None = None
    function_median: float | None = None
    function_p95: float | None = None
    function_max: int | None = None
    private: float | None = None
    one_word: float | None = None
    name_length: float | None = None


# Measured in their repositories on 2026-11-24, without migrations, tests and demos. The last two are Ruby, whose
# visibility and names aren't measured like Python's.
PEERS: Final = (
    Facts(
        "healthchecks", module_median=42, module_max=1_584, function_median=8, function_p95=43, function_max=181,
        private=5, one_word=41,
    ),
    Facts(
        "procrastinate", module_median=45, module_max=1_042, function_median=8, function_p95=45, function_max=126,
        private=13, one_word=18,
    ),
    Facts(
        "maintenance_tasks", module_median=65, module_max=568, function_median=5, function_p95=20, function_max=51,
    ),
    Facts("solid_queue", module_median=48, module_max=257, function_median=3, function_p95=13, function_max=27),
)  # fmt: skip


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks readability", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="Python source of other projects")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    options = parser.parse_args(arguments)
    facts = [replace(measure(OWN_SOURCE), name="unstuck"), *PEERS, *(measure(folder) for folder in options.folders)]
    if options.json:
        print(json.dumps([asdict(each) for each in facts], indent=2))
    else:
        print_table(facts)
    sys.exit(0)


def measure(folder: Path) -> Facts:
    sources = [path.read_text(errors="replace") for path in find_modules(folder)]
    modules = [source.count("\n") for source in sources if source.strip()]
    functions = [function for source in sources for function in find_functions(source)]
    if not functions:
        sys.exit(f"{folder} has no Python functions.")
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    names = [function.name for function in functions if not is_special(function.name)]
    return Facts(
        name=folder.resolve().name,
        modules=len(modules),
        module_median=median(modules),
        module_max=max(modules),
        functions=len(functions),
        function_median=median(lengths),
        function_p95=quantiles(lengths, n=20)[-1],
        function_max=max(lengths),
        private=percentage(name.startswith("_") for name in names),
        one_word=percentage("_" not in name.strip("_") for name in names),
        name_length=median(len(name.strip("_")) for name in names),
    )


def find_modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        parents = path.relative_to(folder).parts[:-1]
        if not LEFT_OUT & set(parents) and not any(parent.startswith(".") for parent in parents):
            yield path


def find_functions(source: str) -> Iterator[Function]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # a template of code, or another version of Python
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def percentage(conditions: Iterator[bool]) -> float:
    values = list(conditions)
    return round(100 * sum(values) / len(values), 1)


COLUMNS: Final = {
    "modules: median / max": ("module_median", "module_max"),
    "functions: median / p95 / max": ("function_median", "function_p95", "function_max"),
    "private": ("private",),
    "one word": ("one_word",),
    "name length": ("name_length",),
}


def print_table(facts: list[Facts]) -> None:
    table = Table("", *COLUMNS)
    for each in facts:
        table.add_row(each.name, *(" / ".join(shown(each, name) for name in names) for names in COLUMNS.values()))
    Console().print(table)


def shown(facts: Facts, name: str) -> str:
    value = getattr(facts, name)
    return "" if value is None else f"{value:,g}"

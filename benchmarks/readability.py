"""`python -m benchmarks readability [FOLDER …]`: how long modules and functions are, and how they are named.

Facts about Python source, without judging it: a row for this project and one for each FOLDER, such as a checkout of
another project to stand beside. Migrations, tests, demos and benchmarks are left out everywhere.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
    """Lengths are in lines of source, shares in percent of the functions."""

    folder: str
    modules: int
    module_median: float
    module_max: int
    functions: int
    function_median: float
    function_p95: float
    function_max: int
    private: float
    one_word: float
    name_length: float


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks readability", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="source of other projects")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    options = parser.parse_args(arguments)
    facts = [measure(folder) for folder in (OWN_SOURCE, *options.folders)]
    if options.json:
        print(json.dumps([asdict(each) for each in facts], indent=2))
    else:
        _show(facts)
    sys.exit(0)


def measure(folder: Path) -> Facts:
    sources = [path.read_text(errors="replace") for path in _modules(folder)]
    modules = [source.count("\n") for source in sources if source.strip()]
    functions = [function for source in sources for function in _functions(source)]
    if not functions:
        sys.exit(f"{folder} has no functions of Python.")
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    names = [function.name for function in functions if not _is_magic(function.name)]
    return Facts(
        folder=folder.resolve().name,
        modules=len(modules),
        module_median=median(modules),
        module_max=max(modules),
        functions=len(functions),
        function_median=median(lengths),
        function_p95=quantiles(lengths, n=20)[-1],
        function_max=max(lengths),
        private=_share(name.startswith("_") for name in names),
        one_word=_share("_" not in name.strip("_") for name in names),
        name_length=median(len(name.strip("_")) for name in names),
    )


def _modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        rooms = path.relative_to(folder).parts[:-1]
        if not LEFT_OUT & set(rooms) and not any(room.startswith(".") for room in rooms):
            yield path


def _functions(source: str) -> Iterator[Function]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # templates of code, and what is written for another Python
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def _is_magic(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _share(answers: Iterator[bool]) -> float:
    counted = list(answers)
    return round(100 * sum(counted) / len(counted), 1)


def _show(facts: list[Facts]) -> None:
    table = Table("", *(each.folder for each in facts))
    for name in list(asdict(facts[0]))[1:]:
        table.add_row(name.replace("_", " "), *(f"{getattr(each, name):,}" for each in facts))
    Console().print(table)

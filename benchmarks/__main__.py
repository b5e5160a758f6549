"""`python -m benchmarks NAME [--json]`: measure, and show which goals were met. Exit status 0 whether met or not.

`kill_storm`, `check_guarantees`, `extraction` and `readability` have options of their own: see their `--help`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from . import extraction, guarantees, kill_storm, readability
from .harness import FINISHED_RUNS, ROUNDS, STARTS, Options, Result, machine, print_note

NAMES = (
    "track",
    "flush",
    "hot",
    "sweep",
    "admin",
    "claim",
    "drain",
    "fairness",
    "receipts",
    "broadcasts",
    "recordings",
    "search",
    "stream",
    "staff_stream",
    "api",
    "estimates",
)
# They need no database or choose their own, and their exit status judges.
JUDGES: dict[str, Callable[[list[str]], None]] = {
    "kill_storm": kill_storm.main,
    "check_guarantees": guarantees.main,
    "extraction": extraction.main,
    "readability": readability.main,
}


def main() -> None:
    if judge := JUDGES.get(sys.argv[1] if sys.argv[1:] else ""):
        judge(sys.argv[2:])
    arguments = _arguments()
    names = NAMES if arguments.name == "all" else (arguments.name,)
    options = Options(
        rounds=arguments.rounds or ROUNDS,
        quick=arguments.quick,
        finished_runs=arguments.rows,
        starts=arguments.rounds or STARTS,
    )
    report = _measured(names, options)
    report = {"name": arguments.name, **report}
    print(json.dumps(report, ensure_ascii=False, indent=2)) if arguments.json else _show(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=(*NAMES, "all"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--rounds",
        type=_positive,
        help=f"interleaved rounds (default {ROUNDS}), or starts of each kind for `fairness` (default {STARTS})",
    )
    parser.add_argument(
        "--rows",
        type=_positive,
        default=FINISHED_RUNS,
        help=f"finished runs in the long history of `sweep`, `admin` and `claim` (default {FINISHED_RUNS:,})",
    )
    parser.add_argument("--quick", action="store_true", help="a thousandth of the work; figures mean nothing")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _measured(names: tuple[str, ...], options: Options) -> dict[str, Any]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the databases are dropped first
    _set_up_django()
    from . import database  # needs Django

    rows: list[dict[str, Any]] = []
    with database.template():
        description = machine(database.setting("server_version"))
        for name in names:
            print_note(f"{name}:")
            result: Result = importlib.import_module(f"benchmarks.{name}").measure(options)
            rows += (row.as_json() for row in result.rows)
    return {"machine": description, "rows": rows}


def _set_up_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ.setdefault("UNSTUCK_VAR", "var/bench")
    import django

    from progress_project.local import postgres

    if postgres.is_needed():
        postgres.ensure_running()
    django.setup()


def _show(report: dict[str, Any]) -> None:
    table = Table("figure", "value", "goal", "met", caption="\n".join(_described(report["machine"])))
    for row in report["rows"]:
        value = "not measured" if row["value"] is None else f"{row['value']:,}"
        met = "[green]yes[/]" if row["met"] else "[red]NO[/]"
        table.add_row(row["figure"], value, f"{row['op']} {row['limit']:,}", met)
    Console().print(table)


def _described(description: dict[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in description.items()]


if __name__ == "__main__":
    main()

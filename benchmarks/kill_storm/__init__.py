"""`python -m benchmarks kill_storm --runs 40 --kills 120 --seed N`: deaths at random, and proof that nothing was lost.

With `--type broadcast` it rages over one broadcast, and proves besides that nobody was sent to twice.
Real workers on a database and a broker of the storm's own. Exit status 0 only if nothing was violated.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

STALE_SECONDS = 10
SWEEP_SECONDS = 1
REPUBLISH_SECONDS = 5
DEATHS = {"child": 10, "idle": 4, "worker": 4, "deploy": 4, "broker": 1, "database": 1}  # how often each, of 24


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # after what is registered later: the database's end
    _set_up_django(folder, options.broker)
    from .storm import Storm  # needs Django

    report = Storm(folder, _work(options), options).report()
    report = {"name": "kill_storm", **report}
    print(json.dumps(report, indent=2) if options.json else _told(report))
    sys.exit(bool(report["violations"]))


def _work(options: argparse.Namespace) -> Any:
    """Enough of it for two thirds of the storm."""
    from .storm import PAUSE_SECONDS, WORKERS
    from .victims import SLOTS

    seconds = 0.7 * options.kills * PAUSE_SECONDS
    if options.type == "broadcast":
        from .broadcasts import Broadcast

        return Broadcast(options.recipients, seconds)
    from .drills import Drills

    return Drills(options.runs, seconds * WORKERS * SLOTS)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kill_storm", description=__doc__)
    parser.add_argument("--type", choices=["drill", "broadcast"], default="drill")
    parser.add_argument("--runs", type=int, default=40, help="how many drills")
    parser.add_argument("--recipients", type=int, default=2_000, help="of the broadcast")
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--only", choices=DEATHS, help="deaths of this kind alone")
    parser.add_argument("--away", type=float, default=2.0, help="seconds without a database, each time it crashes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--broker", default="", help="a Celery broker URL of its own, such as redis://127.0.0.1:6380/0")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def _set_up_django(folder: Path, broker: str) -> None:
    """Everything of its own, for this process and for the workers that it starts."""
    for name in ("DATABASE_URL", "SECRET_KEY", "SALT_KEY"):
        os.environ.pop(name, None)
    os.environ.update(
        UNSTUCK_VAR=str(folder),
        CELERY_BROKER_URL=broker,
        DEBUG="true",
        LOG_LEVEL="ERROR",
        RUNS_STALE_AFTER_SECONDS=str(STALE_SECONDS),
        RUNS_SWEEP_INTERVAL_SECONDS=str(SWEEP_SECONDS),
        RUNS_REPUBLISH_AFTER_SECONDS=str(REPUBLISH_SECONDS),
        DJANGO_SETTINGS_MODULE="progress_project.settings",
    )
    from progress_project import embedded

    embedded.ensure_running()
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    settings.DEBUG = False  # or Django would remember every query
    call_command("migrate", verbosity=0)


def _told(report: dict[str, Any]) -> str:
    lines = [f"{row['figure']:<64} {row['value']:>8}   {row['op']} {row['limit']}" for row in report["rows"]]
    lines += [f"VIOLATED: {violation}" for violation in report["violations"]]
    return "\n".join([*lines, "Nothing was violated." if not report["violations"] else "The storm broke promises."])

"""`python -m benchmarks kill_storm --runs 40 --kills 120 --seed N`: deaths at random, and a check for losses.

Its runs are drills, some of which have a poison item, or with `--type` a broadcast, syncs of mailboxes or folders of
recordings, while people cancel, pause, reset and retry. Real workers on a database and a broker of the storm's own;
afterwards `benchmarks/guarantees` checks each guarantee. Exit status 0 only if nothing was violated.
"""

from __future__ import annotations

import argparse
import atexit
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..guarantees.findings import Finding
from .brokers import STARTED, Broker, BrokerUnavailable, running_broker

STALE_SECONDS = 10
SWEEP_SECONDS = 1
DEATHS = {"child": 10, "idle": 4, "worker": 4, "deploy": 4, "broker": 1, "database": 1}  # how often each, of 24
# Whole machines: only where the threshold is longer than a lost machine takes to be noticed.
MACHINES = {"machine": 1, "freeze": 1}
# Only with `--timekeepers`, and only a broker that the storm has started itself.
TIMEKEEPERS = {"beat": 1, "control": 1}
RESTARTS = {"broker restart": 1}
MACHINE_AWAY_SECONDS = 65  # it is lost after 45, which the other worker notices up to 10 seconds later
RUNS = {"drill": 40, "broadcast": 1, "receipts": 8, "recordings": 8}  # by type


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started is ended first
    folder = options.keep or Path(tempfile.mkdtemp(prefix="storm-"))
    if not options.keep:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # after what is registered later: the database's end
    try:
        with running_broker(options.broker, folder / "own_broker") as broker:
            report = _report(folder, broker, options)
    except BrokerUnavailable as error:
        sys.exit(str(error))
    print(json.dumps(report, indent=2, ensure_ascii=False) if options.json else _report_as_text(report))
    sys.exit(bool(report["violations"]))


def _report(folder: Path, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    _set_up_django(folder, broker.url, options.stale)
    from .storm import Storm  # needs Django

    return {"name": "kill_storm", **Storm(folder, _work(folder, options), broker, options).report()}


def _work(folder: Path, options: argparse.Namespace) -> Any:
    """Enough of it for two thirds of the storm."""
    from .storm import PAUSE_SECONDS, WORKERS
    from .victims import SLOTS

    seconds = 0.7 * options.kills * PAUSE_SECONDS
    if has_machine_deaths(options):
        seconds += MACHINE_AWAY_SECONDS * options.kills * sum(MACHINES.values()) / sum({**DEATHS, **MACHINES}.values())
    runs = options.runs or RUNS[options.type]
    match options.type:
        case "broadcast":
            from .broadcasts import Broadcast

            return Broadcast(options.recipients, seconds)
        case "receipts":
            from .receipts import Receipts

            return Receipts(runs, seconds * WORKERS * SLOTS)
        case "recordings":
            from .recordings import Recordings

            return Recordings(runs, seconds * WORKERS * SLOTS, folder / "exchange", transcribe=options.transcribe)
        case _:
            from .drills import Drills

            return Drills(runs, seconds * WORKERS * SLOTS, poison=not options.only)


def has_machine_deaths(options: argparse.Namespace) -> bool:
    return bool(options.stale >= MACHINE_AWAY_SECONDS)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kill_storm", description=__doc__)
    parser.add_argument("--type", choices=RUNS, default="drill")
    parser.add_argument("--runs", type=int, help=f"how many runs (mailboxes, folders); by type: {RUNS}")
    parser.add_argument("--recipients", type=int, default=2_000, help="of the broadcast")
    parser.add_argument("--transcribe", action="store_true", help="the calls of one more folder, where a model is")
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument(
        "--stale",
        type=int,
        default=STALE_SECONDS,
        help=f"threshold of heartbeats; from {MACHINE_AWAY_SECONDS} on, machines die and freeze too",
    )
    parser.add_argument(
        "--only",
        choices={**DEATHS, **MACHINES, **RESTARTS},
        help="deaths of this kind alone: no people, no poison items",
    )
    parser.add_argument(
        "--timekeepers",
        action="store_true",
        help="sweep by beat and control, which die too, instead of by the storm; and restart its broker",
    )
    parser.add_argument("--no-people", action="store_true", help="nobody cancels, pauses or resets")
    parser.add_argument("--away", type=float, default=2.0, help="seconds without a database, each time it crashes")
    parser.add_argument(
        "--slack", type=float, default=0.0, help="seconds that a slow machine's transactions may take longer"
    )
    parser.add_argument("--seed", type=int, default=0)
    brokers = " or ".join(("files", *STARTED))
    parser.add_argument(
        "--broker", default="files", help=f"{brokers}, which it starts itself, or the Celery URL of one of its own"
    )
    parser.add_argument("--keep", type=Path, help="a new folder to keep database, logs and files in")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def _set_up_django(folder: Path, broker: str, stale: int) -> None:
    """Everything of its own, for this process and for the workers that it starts."""
    for name in ("DATABASE_URL", "SECRET_KEY", "SALT_KEY"):
        os.environ.pop(name, None)
    os.environ.update(
        UNSTUCK_VAR=str(folder),
        CELERY_BROKER_URL=broker,
        DEBUG="true",
        LOG_LEVEL="ERROR",
        RUNS_STALE_AFTER_SECONDS=str(stale),
        RUNS_SWEEP_INTERVAL_SECONDS=str(SWEEP_SECONDS),
        RECORDINGS_FOLDERS=str(folder / "exchange"),
        DJANGO_SETTINGS_MODULE="progress_project.settings",
    )
    from progress_project.local import postgres

    postgres.ensure_running()
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    from .worker_app import set_threshold

    set_threshold()
    logging.disable(logging.WARNING)  # refusals and expiries are expected
    settings.DEBUG = False  # or Django would remember every query
    call_command("migrate", verbosity=0)


def _report_as_text(report: dict[str, Any]) -> str:
    lines = [f"{row['figure']:<64} {row['value']:>8}   {row['op']} {row['limit']}" for row in report["rows"]]
    lines += [finding.as_text() for finding in map(Finding.from_json, report["guarantees"])]
    return "\n".join([*lines, "Nothing was violated." if not report["violations"] else "The storm broke promises."])

"""`manage.py progress_drill`: kill a run on the running installation, and time who tells the truth when."""

from __future__ import annotations

import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from knox.models import AuthToken

from runs import dispatch
from runs.drill.models import DrillRun, DrillStep, sandbox
from runs.models import Membership
from runs.states import Status
from runs.verdict import is_stale, tell

STEPS, DIES_AT = 20, 6
THRESHOLD = DrillRun.stale_after().total_seconds()
LOST_PROCESS_SECONDS = 5  # a killed process: its run is back in the queue
READER_SECONDS = 2  # a reader asks ten times in this time
CLAIM_SECONDS = 90  # a message that was lost is sent again after 60
LOOK_EVERY = 0.2

# A reader says whether it is told that the run is stale.
Reader = Callable[[DrillRun], bool]


@dataclass(frozen=True)
class Finding:
    what: str
    seconds: float | None  # null: it didn't happen while the drill was watching
    promised: float

    @property
    def kept(self) -> bool:
        return self.seconds is not None and self.seconds <= self.promised


class Command(BaseCommand):
    help = "Kill and hang runs of a sandbox on this installation, and say how long each reader took to tell the truth."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", help="also ask the API here, such as http://127.0.0.1:8000")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [*_killed(), *_hung(options["url"])]
        self._print(findings, as_json=options["json"])
        if not all(finding.kept for finding in findings):
            sys.exit(1)

    def _print(self, findings: list[Finding], *, as_json: bool) -> None:
        if as_json:
            rows = [{**asdict(finding), "kept": finding.kept} for finding in findings]
            self.stdout.write(json.dumps({"kept": all(row["kept"] for row in rows), "findings": rows}))
            return
        for finding in findings:
            took = "not seen" if finding.seconds is None else f"{finding.seconds:.1f} s"
            word = self.style.SUCCESS("kept") if finding.kept else self.style.ERROR("BROKEN")
            self.stdout.write(f"{finding.what:<58} {took:>9}   promised {finding.promised:g} s   {word}")


def _killed() -> Iterator[Finding]:
    """SIGKILL of a run's process: its parent sends it back, another process goes on."""
    run = _start(DrillRun.Death.KILLED)
    _until(lambda: _row(run).died_at is not None, CLAIM_SECONDS)
    _until(lambda: _returned_at(run) is not None, LOST_PROCESS_SECONDS * 4)
    seconds = _seconds(_row(run).died_at, _returned_at(run))
    yield Finding("killed process: the run is back in the queue", seconds, LOST_PROCESS_SECONDS)

    began = time.monotonic()
    completed = _until(lambda: _row(run).status == Status.COMPLETED, CLAIM_SECONDS)
    missing, repeated = _footprints(run)
    whole = completed and not missing and not repeated
    yield Finding(
        f"killed process: completed, {missing} steps missing, {repeated} repeated",
        time.monotonic() - began if whole else None,
        CLAIM_SECONDS,
    )


def _hung(url: str | None) -> Iterator[Finding]:
    """A process that stops beating: everybody who looks says so after the threshold."""
    with _reader_over_http(url) if url else nullcontext() as over_http:
        readers: dict[str, Reader | None] = {"sweep, nobody looking": None, "reader of the database": _told}
        if over_http:
            readers["reader of the API"] = over_http
        runs = {name: _start(DrillRun.Death.HUNG) for name in readers}
        for name, reader in readers.items():
            late = READER_SECONDS if reader else 2 * settings.RUNS_SWEEP_INTERVAL_SECONDS
            yield Finding(f"hung process: {name}", _detection(runs[name], reader, late), THRESHOLD + late)
    slot = 2 * settings.RUNS_SWEEP_INTERVAL_SECONDS
    began = time.monotonic()
    freed = _until(lambda: all(row.died_at and not row.task_id for row in map(_row, runs.values())), slot)
    yield Finding("hung process: its slot is free again", time.monotonic() - began if freed else None, slot)


def _detection(run: DrillRun, reader: Reader | None, late: float) -> float | None:
    """Seconds from the last heartbeat to the truth; only `reader` looks, or nobody."""
    if not _until(lambda: _row(run).died_at is not None, CLAIM_SECONDS):
        return None
    looked = reader or (lambda run: is_stale(_row(run)))
    if not _until(lambda: looked(run), THRESHOLD + 2 * late):
        return None
    row = _row(run)
    return row.heartbeat_age if reader else _seconds(row.heartbeat_at, row.finished_at)


def _start(death: DrillRun.Death) -> DrillRun:
    return dispatch.start(DrillRun, sandbox(), steps=STEPS, death=death, dies_at=DIES_AT)


def _row(run: DrillRun) -> DrillRun:
    """As it stands in the table: this look repairs nothing."""
    return DrillRun.objects.with_ages().get(pk=run.pk)


def _told(run: DrillRun) -> bool:
    return is_stale(tell(DrillRun.objects.filter(pk=run.pk).with_ages())[0])


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    """Between two timestamps of the database."""
    return (end - start).total_seconds() if start and end else None


def _returned_at(run: DrillRun) -> datetime | None:
    back = run.events.filter(status=Status.QUEUED, attempt__gt=0).order_by("pgh_id")
    at: datetime | None = back.values_list("pgh_created_at", flat=True).first()
    return at


def _footprints(run: DrillRun) -> tuple[int, int]:
    """How many steps left none, and how many left too many."""
    numbers = list(DrillStep.objects.filter(run=run).values_list("number", flat=True))
    return STEPS - len(set(numbers)), len(numbers) - len(set(numbers))


@contextmanager
def _reader_over_http(url: str) -> Iterator[Reader]:
    """A member of the sandbox for the time of the drill, who asks the API as any client does."""
    user = User.objects.create_user(f"progress-drill-{secrets.token_hex(8)}")
    Membership.objects.create(user=user, business=sandbox())
    _, token = AuthToken.objects.create(user, expiry=timedelta(minutes=30))

    def asked(run: DrillRun) -> bool:
        address = f"{url.rstrip('/')}/api/runs/{DrillRun.slug}/{run.pk}/"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return bool(json.load(answer)["is_stale"])
        except urllib.error.URLError:
            return False

    try:
        yield asked
    finally:
        user.delete()


def _until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY)
    return True

"""`manage.py progress_drill`: kill runs on the running installation, and judge what its readers show of them."""

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
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from knox.models import AuthToken

from runs.drill.models import DrillRun, DrillStep, sandbox_business
from runs.lifecycle import dispatch
from runs.models import Membership
from runs.readers.verdict import fetch_repaired, is_stale
from runs.states import Status

STEPS, DIES_AT = 20, 6
THRESHOLD = DrillRun.stale_after().total_seconds()
LOST_PROCESS_SECONDS = 5  # a killed process: its run is back in the queue
READER_SECONDS = 60  # after the threshold, for a look that takes long: what it shows is judged, not when
COMPLETE_SECONDS = 90  # from its start, for a run that a worker has to claim first
LOOK_EVERY = 0.2

# A reader returns the age of the last heartbeat where the run is shown as active, and None where it is shown as stale.
Reader = Callable[[DrillRun], float | None]


@dataclass(frozen=True)
class Finding:
    what: str
    seconds: float | None  # null: it didn't happen while the drill was watching
    promised: float

    @property
    def kept(self) -> bool:
        return self.seconds is not None and self.seconds <= self.promised


class Command(BaseCommand):
    help = "Kill and hang runs of a sandbox on this installation, and report how long readers showed them as active."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", help="also read the runs through the API at this address, such as http://127.0.0.1:8000"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"]
        with _reader_over_http(url) if url else nullcontext() as api_reader:
            findings = [*_killed(), *_poisoned(), *_hung(api_reader)]
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
    _dies(run)
    _until(lambda: _returned_at(run) is not None, LOST_PROCESS_SECONDS * 4)
    seconds = _seconds(_row(run).died_at, _returned_at(run))
    yield Finding("killed process: the run is back in the queue", seconds, LOST_PROCESS_SECONDS)

    began = time.monotonic()
    completed = _until(lambda: _row(run).status == Status.COMPLETED, COMPLETE_SECONDS)
    missing, repeated = _footprints(run)
    whole = completed and not missing and not repeated
    yield Finding(
        f"killed process: completed, {missing} steps missing, {repeated} repeated",
        time.monotonic() - began if whole else None,
        COMPLETE_SECONDS,
    )


def _poisoned() -> Iterator[Finding]:
    """A step that kills its process in every attempt: it is failed after the second, and the run goes on behind it."""
    run = _start(DrillRun.Death.KILLED, dies_again=True)
    began = time.monotonic()
    completed = _until(lambda: not _row(run).is_active, COMPLETE_SECONDS) and _row(run).status == Status.COMPLETED
    missing, repeated = _footprints(run)
    is_passed = completed and (missing, repeated, _row(run).failed) == (1, 0, 1)
    yield Finding(
        "poison step: failed after two deaths, the run completed",
        time.monotonic() - began if is_passed else None,
        COMPLETE_SECONDS,
    )


def _hung(api_reader: Reader | None) -> Iterator[Finding]:
    """A process that stops beating: everybody who looks says so after the threshold.

    Each reader has a run of its own, and is asked from its run's death on: asked any later, it would only repeat what
    the sweep has written meanwhile. The run that nobody looks at needs no such care: its row says when it was expired.
    """
    unwatched = _start(DrillRun.Death.HUNG)
    runs = [unwatched]
    for name, reader in (("database", _age_shown_active), ("API", api_reader)):
        if reader:
            runs.append(_start(DrillRun.Death.HUNG))
            seconds = _seconds_shown_active(runs[-1], reader)
            yield Finding(f"hung process: reader of the {name}", seconds, THRESHOLD)

    two_rounds = 2 * settings.RUNS_SWEEP_INTERVAL_SECONDS
    seconds = _seconds_until_swept(unwatched, THRESHOLD + 2 * two_rounds)
    yield Finding("hung process: sweep, nobody looking", seconds, THRESHOLD + two_rounds)

    began = time.monotonic()
    freed = _until(lambda: all(row.died_at and not row.task_id for row in map(_row, runs)), two_rounds)
    yield Finding("hung process: its slot is free again", time.monotonic() - began if freed else None, two_rounds)


def _seconds_shown_active(run: DrillRun, reader: Reader) -> float | None:
    """From the last heartbeat to the last look that still showed the run as active, as that look itself says.

    So a slow machine, whose looks are far apart, breaks no promise. None where the run is never shown as stale.
    """
    ages = [0.0]

    def is_shown() -> bool:
        age = reader(run)
        ages.append(age or 0.0)
        return age is None

    return max(ages) if _dies(run) and _until(is_shown, THRESHOLD + READER_SECONDS) else None


def _seconds_until_swept(run: DrillRun, patience: float) -> float | None:
    """From the last heartbeat to the sweep; this look at the row expires nothing."""
    if not (_dies(run) and _until(lambda: is_stale(_row(run)), patience)):
        return None
    row = _row(run)
    return _seconds(row.heartbeat_at, row.finished_at)


def _dies(run: DrillRun) -> bool:
    return _until(lambda: _row(run).died_at is not None, COMPLETE_SECONDS)


def _start(death: DrillRun.Death, *, dies_again: bool = False) -> DrillRun:
    return dispatch.start(
        DrillRun, sandbox_business(), steps=STEPS, death=death, dies_at=DIES_AT, dies_again=dies_again
    )


def _row(run: DrillRun) -> DrillRun:
    """As it stands in the table: this look repairs nothing."""
    return DrillRun.objects.with_ages().get(pk=run.pk)


def _age_shown_active(run: DrillRun) -> float | None:
    shown = fetch_repaired(DrillRun.objects.filter(pk=run.pk).with_ages())[0]
    return None if is_stale(shown) else shown.heartbeat_age


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
    """A member of the sandbox for the time of the drill, who asks the API as any client does.

    Raises `CommandError` where nobody answers, or another installation does: that would look like a broken promise.
    """
    user = User.objects.create_user(f"progress-drill-{secrets.token_hex(8)}")
    try:
        Membership.objects.create(user=user, business=sandbox_business())
        _, token = AuthToken.objects.create(user, expiry=timedelta(minutes=30))
        get = partial(_get, f"{url.rstrip('/')}/api/", token)
        _check_installation(url, get)

        def age_shown_active(run: DrillRun) -> float | None:
            try:
                shown = get(f"runs/{DrillRun.slug}/{run.pk}/")
            except (OSError, HTTPException, ValueError):
                return 0.0  # it says nothing: ask again
            return None if shown["is_stale"] else float(shown["seconds_since_heartbeat"])

        yield age_shown_active
    finally:
        user.delete()


def _get(api: str, token: str, path: str) -> Any:
    request = urllib.request.Request(f"{api}{path}", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def _check_installation(url: str, get: Callable[[str], Any]) -> None:
    try:
        get("businesses/")
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise CommandError(
                f"Another installation answers at {url}: it isn't on the database of this drill."
            ) from None
        raise CommandError(f"The API at {url} answers {error.code} {error.reason}.") from None
    except (OSError, HTTPException, ValueError) as error:
        raise CommandError(f"No API answers at {url}: {getattr(error, 'reason', error)}") from None


def _until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY)
    return True

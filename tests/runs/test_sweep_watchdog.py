"""The sweep goes on by the database's clock, whatever becomes of beat, its clock and the broker."""

from __future__ import annotations

import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from pytest_django import Settings

import runs.lifecycle.sweep
from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.lifecycle.sweep import is_sweep_on_time, sweep
from runs.lifecycle.sweep_watchdog import SweepWatchdog, sweep_if_overdue
from runs.models import Business, Sweep
from runs.states import Status
from tests.actors import read_run
from tests.workers import beat, until, worker

pytestmark = pytest.mark.django_db(transaction=True)

EVERY_SECOND = {"RUNS_SWEEP_INTERVAL_SECONDS": "1"}
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("seconds", "overdue"), [(0, False), (44.9, False), (45.1, True), (3600, True)])
def test_a_round_is_overdue_after_an_interval_and_a_half(seconds: float, overdue: bool) -> None:
    sweep()
    Sweep.objects.update(finished_at=Now() - timedelta(seconds=seconds), started_at=Now() - timedelta(seconds=seconds))
    assert sweep_if_overdue() is overdue


def test_a_first_round_is_overdue() -> None:
    assert sweep_if_overdue()


def test_a_watchdog_sweeps_at_once_and_outlives_whatever_fails(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RUNS_SWEEP_INTERVAL_SECONDS = 0.1
    failures = iter([OperationalError("away"), RuntimeError("broken")])
    done = threading.Event()

    def fail_twice() -> bool:
        for failure in failures:
            raise failure
        done.set()
        return True

    monkeypatch.setattr(runs.lifecycle.sweep, "sweep", fail_twice)
    watchdog = SweepWatchdog()
    watchdog.start()
    try:
        assert done.wait(60)
    finally:
        watchdog.stop()
    assert not watchdog.is_alive()


def test_controls_worker_sweeps_without_beat_and_without_a_broker(tmp_path: Path) -> None:
    assert not is_sweep_on_time(), "nobody has ever looked"
    with worker(tmp_path, "control", pool="solo", environment={**EVERY_SECOND, "CELERY_BROKER_URL": NOBODY_LISTENS}):
        until(is_sweep_on_time)
        wait_for_another_round()


def test_another_worker_sweeps_only_once_control_is_gone(files: Path, business_a: Business) -> None:
    run = dispatch.start(DrillRun, business_a, steps=1, step_seconds=0)
    with worker(files.parent, "drill", environment={"RUNS_SWEEP_INTERVAL_SECONDS": "4"}):
        until(lambda: read_run(run).status == Status.COMPLETED)
        assert not Sweep.objects.exists(), "control may still be starting"
        until(lambda: Sweep.objects.exclude(finished_at=None).exists())


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("seconds", "overdue"), [(74.9, False), (75.1, True)])
def test_for_other_workers_than_controls_a_round_is_overdue_after_two_intervals_and_a_half(
    seconds: float, overdue: bool
) -> None:
    sweep()
    Sweep.objects.update(finished_at=Now() - timedelta(seconds=seconds), started_at=Now() - timedelta(seconds=seconds))
    assert SweepWatchdog(is_control=False).step() is overdue


@pytest.mark.needs("faketime")
def test_a_beat_whose_clock_was_an_hour_ahead_and_is_right_again_stops_no_sweep(files: Path, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+3600")
    with beat(files.parent, {**EVERY_SECOND, **by_clock(clock)}):
        until(lambda: any(files.glob("messages/*.control.msg")))
        clock.write_text("+0")  # by now its next round is due in an hour
        with worker(files.parent, "control", pool="solo", environment=EVERY_SECOND):
            for _ in range(3):
                wait_for_another_round()


def by_clock(file: Path) -> dict[str, str]:
    """What makes a process read its wall clock with the offset that stands in a file at that moment."""
    library = subprocess.check_output(["faketime", "-f", "+0", "printenv", "LD_PRELOAD"], text=True).strip()
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
    }


def wait_for_another_round() -> None:
    before = Sweep.objects.values_list("finished_at", flat=True).first()
    until(lambda: Sweep.objects.values_list("finished_at", flat=True).first() != before, seconds=30)

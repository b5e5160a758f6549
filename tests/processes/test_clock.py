"""G6, one clock: a machine whose own clock is wrong decides and shows the same, by the database's clock."""

import ast
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.lifecycle.sweep import sweep
from runs.models import Business
from runs.progress import Progress
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting, work_through
from tests.contract.models import CountingRun
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = 3600
LOCAL_CLOCKS = {"timezone.now", "time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


@pytest.fixture(params=[-5 * HOURS, 5 * HOURS], ids=["slow", "fast"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """The clock of this process is hours off."""
    off = timedelta(seconds=request.param)
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + off.total_seconds())
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + off)
    return off


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


@pytest.mark.usefixtures("stopped_clock")
def test_a_living_run_is_not_expired_and_a_dead_one_is(business_a: Business, wrong_clock: timedelta) -> None:
    run = claim_counting(business_a)
    sweep()
    assert read_run(run).status == "running"
    age_heartbeat(run, 301)
    assert read_run(run).error_message == "Run marked as failed due to no heartbeat for 301s"


def test_every_timestamp_of_a_run_is_the_databases(business_a: Business, wrong_clock: timedelta) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(3)):
            progress.done(f"7:{number}")

    before = database_now()
    run = work_through(start_counting(business_a), work)
    stamps = [run.created_at, run.queued_at, run.started_at, run.heartbeat_at, run.progress_at, run.finished_at]
    assert all(before <= stamp <= database_now() for stamp in stamps if stamp)
    assert None not in stamps
    assert all(before <= event.pgh_created_at <= database_now() for event in run.events.all())


@pytest.mark.usefixtures("stopped_clocks")
def test_clients_get_the_databases_time_and_ages(
    as_member_a: APIClient, business_a: Business, wrong_clock: timedelta
) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 90)
    body = as_member_a.get(f"/api/runs/counting/{run.pk}/").json()
    assert body["seconds_since_heartbeat"] == 90
    assert datetime.fromisoformat(body["server_now"]) == database_now()
    assert body["verdict"]["code"] == "quiet"


@pytest.mark.needs("faketime")
@pytest.mark.parametrize("off", ["+1h", "-1h"])
def test_a_worker_an_hour_off_makes_no_false_stale_and_hides_no_true_one(
    business_a: Business, files: Path, off: str
) -> None:
    with worker(files.parent, "drill", under=["faketime", "-f", off]):
        healthy = dispatch.start(DrillRun, business_a, steps=30, step_seconds=0.05)
        until(lambda: read_run(healthy).status != "queued")
        until(lambda: read_run(healthy).status != "running")
        hung = dispatch.start(DrillRun, business_a, steps=9, death=DrillRun.Death.HUNG, dies_at=3)
        until(lambda: read_run(hung).error_code == "stale")
    assert read_run(healthy).status == "completed"
    assert 10 <= (read_run(hung).heartbeat_age or 0) < 15


def test_nothing_in_the_core_reads_the_machines_clock() -> None:
    rooms = [path for room in ("runs", "receipts") for path in Path(settings.BASE_DIR, room).rglob("*.py")]
    calls = [
        f"{path}:{node.lineno}"
        for path in rooms
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in LOCAL_CLOCKS
    ]
    assert rooms
    assert calls == []

"""`manage.py progress_drill`, with a worker that really dies and hangs, and a sweep that really ends it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from runs.drill.models import DrillRun, DrillStep, sandbox
from runs.models import Membership
from runs.sweep import sweep

from .workers import worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rounds(settings: Settings) -> Iterator[None]:
    """A sweep every half second, in the place of beat and the control worker."""
    settings.RUNS_SWEEP_INTERVAL_SECONDS = 1
    over = threading.Event()

    def go_round() -> None:
        while not over.wait(0.5):
            sweep()
        connection.close()

    thread = threading.Thread(target=go_round)
    thread.start()
    yield
    over.set()
    thread.join()


def test_a_healthy_installation_keeps_every_promise(files: Path, rounds: None, live_server: LiveServer) -> None:
    out = StringIO()
    with worker(files.parent, "drill", slots=3):
        call_command("progress_drill", "--json", "--url", live_server.url, stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["kept"], answer
    assert [finding["what"] for finding in answer["findings"]] == [
        "killed process: the run is back in the queue",
        "killed process: completed, 0 steps missing, 0 repeated",
        "hung process: sweep, nobody looking",
        "hung process: reader of the database",
        "hung process: reader of the API",
        "hung process: its slot is free again",
    ]
    assert not Membership.objects.filter(business=sandbox()).exists(), "its reader is gone again"


def test_an_installation_without_workers_is_told_so(
    files: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RUNS_SWEEP_INTERVAL_SECONDS = 0.1
    monkeypatch.setattr("runs.drill.management.commands.progress_drill.CLAIM_SECONDS", 0.3)
    monkeypatch.setattr("runs.drill.management.commands.progress_drill.LOST_PROCESS_SECONDS", 0.1)
    out = StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("progress_drill", stdout=out)
    assert exit_.value.code == 1
    assert out.getvalue().count("BROKEN") == 5
    assert not DrillStep.objects.exists()


def test_only_staff_see_drills(as_member_a: APIClient, as_staff: APIClient) -> None:
    run = DrillRun.objects.create(business=sandbox(), steps=1)
    assert as_member_a.get(f"/api/runs/drill/{run.pk}/").status_code == 404
    assert as_member_a.get("/api/runs/").json()["results"] == []

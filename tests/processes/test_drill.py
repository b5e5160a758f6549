"""`manage.py progress_drill` where it can't succeed. `test_readme` covers a healthy copy."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from runs.drill.management.commands import progress_drill
from runs.drill.models import DrillRun, DrillStep, sandbox_business
from runs.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_installation_without_workers_breaks_the_promises(
    files: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RUNS_SWEEP_INTERVAL_SECONDS = 0.1
    monkeypatch.setattr("runs.drill.management.commands.progress_drill.COMPLETE_SECONDS", 0.3)
    monkeypatch.setattr("runs.drill.management.commands.progress_drill.LOST_PROCESS_SECONDS", 0.1)
    out = StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("progress_drill", stdout=out)
    assert exit_.value.code == 1
    assert out.getvalue().count("BROKEN") == 6
    assert not DrillStep.objects.exists()


def test_a_url_without_a_server_is_no_broken_promise() -> None:
    with pytest.raises(CommandError, match=r"No API answers at http://127.0.0.1:1: .*Connection refused"):
        call_command("progress_drill", "--url", "http://127.0.0.1:1")
    assert not DrillRun.objects.exists()
    assert not Membership.objects.filter(business=sandbox_business()).exists(), "its reader is gone again"


def test_a_url_of_another_installation_is_no_broken_promise(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/businesses/").respond_with_data(status=401)
    with pytest.raises(CommandError, match="Another installation answers at "):
        call_command("progress_drill", "--url", httpserver.url_for("/"))


@pytest.mark.parametrize(("ages", "kept"), [([3.0, 9.9], True), ([], True), ([3.0, 10.1], False), ([12.0, 0.0], False)])
def test_a_reader_is_judged_by_the_age_at_which_it_was_shown_an_active_run(
    monkeypatch: pytest.MonkeyPatch, ages: list[float], *, kept: bool
) -> None:
    """However long its looks take: it shows the run as stale in the end."""
    monkeypatch.setattr(progress_drill, "LOOK_EVERY", 0)
    run = DrillRun.objects.create(business=sandbox_business(), steps=1, died_at=Now())
    answers = iter([*ages, None])
    seconds = progress_drill._seconds_shown_active(run, lambda _run: next(answers))
    assert progress_drill.Finding("reader", seconds, progress_drill.THRESHOLD).kept is kept


def test_a_reader_that_is_never_told_the_truth_is_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_drill, "READER_SECONDS", -progress_drill.THRESHOLD)
    run = DrillRun.objects.create(business=sandbox_business(), steps=1, died_at=Now())
    assert progress_drill._seconds_shown_active(run, lambda _run: 0.0) is None


def test_only_staff_see_drills(as_member_a: APIClient, as_staff: APIClient) -> None:
    run = DrillRun.objects.create(business=sandbox_business(), steps=1)
    assert as_member_a.get(f"/api/runs/drill/{run.pk}/").status_code == 404
    assert as_member_a.get("/api/runs/").json()["results"] == []

"""System checks: what would break a promise is said when the project starts, by a stable id."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.db import models
from django.test.utils import isolate_apps
from pytest_django import Settings

from receipts.models import ReceiptSyncRun
from runs import checks
from runs.models import Run


def ids(check: Callable[..., list[CheckMessage]]) -> list[Any]:
    return [message.id for message in check(None)]


ALL = [
    checks.thresholds_leave_room_for_beats,
    checks.metas_are_inherited,
    checks.queues_are_served,
    checks.tasks_are_acknowledged_early,
    checks.database_is_postgresql,
]


@pytest.mark.parametrize("check", ALL)
def test_the_project_passes(check: Callable[..., list[CheckMessage]]) -> None:
    assert ids(check) == []


def test_a_threshold_of_few_beats(settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 61
    settings.RUNS_STALE_AFTER_SECONDS = 300
    assert "runs.E001" in ids(checks.thresholds_leave_room_for_beats)


@isolate_apps("receipts")
def test_a_meta_without_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Run):
        slug, queue = "forgetful", "receipts"

        class Meta:
            app_label = "receipts"
            indexes = [models.Index(fields=["business"], name="own")]

    monkeypatch.setattr(checks, "run_types", lambda: [ReceiptSyncRun, Forgetful])
    [message] = checks.metas_are_inherited(None)
    assert message.id == "runs.E002"
    assert all(word in message.msg for word in ("Forgetful", "indexes", "constraints", "triggers: arrows"))


def test_a_queue_that_nobody_serves(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("worker: celery -A progress_project worker -Q broadcasts,recordings,drill\n")
    settings.BASE_DIR = tmp_path
    [message] = checks.queues_are_served(None)
    assert (message.id, message.obj) == ("runs.E003", ReceiptSyncRun)


def test_late_acknowledgement(settings: Settings) -> None:
    settings.CELERY_TASK_ACKS_LATE = True
    assert ids(checks.tasks_are_acknowledged_early) == ["runs.E004"]


@pytest.mark.parametrize(
    ("url", "found"), [("filesystem://", ["runs.W006"]), ("redis://host", []), ("amqp://host", [])]
)
def test_a_broker_for_one_machine(settings: Settings, url: str, found: list[str]) -> None:
    settings.CELERY_BROKER_URL = url
    assert ids(checks.broker_is_fit_for_production) == found

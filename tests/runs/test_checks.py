"""System checks: a configuration that would break a promise is reported at the start, with a stable id."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, models
from django.test.utils import isolate_apps
from pytest_django import Settings

from runs import checks
from runs.drill.models import DrillRun
from runs.models import Run
from tests.contract.models import CountingRun


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


@isolate_apps("tests.contract")
def test_a_meta_without_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Run):
        slug, queue = "forgetful", "drill"

        class Meta:
            app_label = "contract"
            indexes = [models.Index(fields=["business"], name="own")]

    monkeypatch.setattr(checks, "run_types", lambda: [DrillRun, Forgetful])
    [message] = checks.metas_are_inherited(None)
    assert message.id == "runs.E002"
    assert all(word in message.msg for word in ("Forgetful", "indexes", "constraints", "triggers: arrows"))


def test_a_queue_that_nobody_serves(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("worker: celery -A progress_project worker -Q receipts,broadcasts,recordings\n")
    settings.BASE_DIR = tmp_path
    messages = checks.queues_are_served(None)
    assert [(message.id, message.obj) for message in messages] == [("runs.E003", CountingRun), ("runs.E003", DrillRun)]


def test_late_acknowledgement(settings: Settings) -> None:
    settings.CELERY_TASK_ACKS_LATE = True
    assert ids(checks.tasks_are_acknowledged_early) == ["runs.E004"]


def failures_of_deployment() -> list[str]:
    """The ids of the errors that make `check --deploy` fail."""
    serious = [message.id or "" for message in run_checks(include_deployment_checks=True) if message.is_serious()]
    return [name for name in serious if name.startswith("runs.")]


def test_a_password_of_the_demo_in_production(staff: User, member_a: User, member_b: User) -> None:
    for user in (staff, member_a):
        user.set_password("a-much-better-one-7")
        user.save()
    assert failures_of_deployment() == ["runs.E007"]
    with pytest.raises(SystemCheckError, match=r"runs\.E007.*'member-b' still has the public password"):
        call_command("check", deploy=True)
    member_b.is_active = False
    member_b.save()
    assert failures_of_deployment() == []


def test_a_superuser_of_the_demo_that_was_renamed(staff: User) -> None:
    User.objects.update(username="admin")
    [message] = checks.demo_passwords_are_refused(None)
    assert (message.id, "'admin'" in message.msg) == ("runs.E007", True)


def test_the_check_of_passwords_changes_none_and_is_skipped_in_development(staff: User) -> None:
    before = User.objects.get().password
    assert "runs.E007" not in [message.id for message in run_checks()]
    checks.demo_passwords_are_refused(None)
    assert User.objects.get().password == before


def test_the_check_of_passwords_where_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_possible_demo_users", mock.Mock(side_effect=OperationalError))
    [message] = checks.demo_passwords_are_refused(None)
    assert (message.id, message.is_serious()) == ("runs.I008", False)


@pytest.mark.parametrize(
    ("url", "found"), [("filesystem://", ["runs.W006"]), ("redis://host", []), ("amqp://host", [])]
)
def test_a_broker_for_one_machine(settings: Settings, url: str, found: list[str]) -> None:
    settings.CELERY_BROKER_URL = url
    assert ids(checks.broker_is_fit_for_production) == found

"""Each alert of `deploy/` fires when its fault is there, and none fires in a healthy installation.

Both are scraped from /metrics; promtool evaluates the rules over ten minutes of health and forty of the fault.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.test import Client

from runs.api.metrics import count_workers
from runs.lifecycle.sweep import sweep
from runs.models import Business, Sweep, Worker
from runs.states import ErrorCode, Status
from tests.cast import MakeRun
from tests.contract.models import CountingRun
from tests.fleet import announce

pytestmark = [pytest.mark.django_db, pytest.mark.needs("promtool")]

RULES = Path(settings.BASE_DIR, "deploy", "prometheus-alerts.yml")
Scrape = dict[str, str]


def scrape(client: Client) -> Scrape:
    """The value of each series, and `up` as Prometheus sets it."""
    response = client.get("/metrics")
    up = int(response.status_code == 200)
    lines = response.content.decode().splitlines() if up else []
    series = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {**series, 'up{job="unstuck"}': str(up)}


def age(seconds: float) -> Any:
    return Now() - timedelta(seconds=seconds)


@dataclass(frozen=True)
class Scene:
    """What a fault is injected with."""

    make_run: MakeRun
    business: Business
    patch: pytest.MonkeyPatch

    def run(self, *args: Any, **columns: Any) -> Any:
        return self.make_run(self.business, *args, **columns)


def take_the_database_away(scene: Scene) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect")

    scene.patch.setattr(BaseDatabaseWrapper, "cursor", away)


def end_runs(scene: Scene, number: int, **columns: Any) -> None:
    for _number in range(number):
        run = scene.run(Status.RUNNING, **columns)
        CountingRun.objects.filter(pk=run.pk).fail(ErrorCode.EXCEPTION, "broken")
    sweep()


def expire_a_run(scene: Scene) -> None:
    scene.run(Status.RUNNING, silent_for=400)
    sweep()


FAULTS: dict[str, Callable[[Scene], object]] = {
    "UnstuckDown": take_the_database_away,
    "UnstuckSweepLate": lambda scene: Sweep.objects.update(finished_at=age(91)),
    "UnstuckNoWorker": lambda scene: Worker.objects.filter(name="worker@broadcasts").delete(),
    "UnstuckQueueWaits": lambda scene: scene.run(queued_at=age(1000)),
    "UnstuckSlowStarts": lambda scene: end_runs(scene, 1, created_at=age(3000), started_at=age(60)),
    "UnstuckRunQuiet": lambda scene: scene.run(Status.RUNNING, silent_for=150),
    "UnstuckRunNotAdvancing": lambda scene: scene.run(Status.RUNNING, progress_at=age(2000)),
    "UnstuckRunsStuck": expire_a_run,
    "UnstuckManyFailures": lambda scene: end_runs(scene, 6),
    "UnstuckUnknownEffects": lambda scene: scene.run(Status.RUNNING, processed=3, succeeded=1, failed=1),
}


def firings(alert: str, tmp_path: Path, healthy: Scrape, faulty: Scrape) -> list[bool]:
    """Whether the alert fires in ten minutes of health, and whether it does in the forty minutes after them."""
    series = [
        {"series": name, "values": f"{_repeat(healthy.get(name), 10)} {_repeat(faulty.get(name), 40)}"}
        for name in sorted({*healthy, *faulty})
    ]
    alerts = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return [
        _is_true(f"(sum(count_over_time({alerts}[{span}])) or vector(0)) > bool 0", minute, series, tmp_path)
        for minute, span in ((9, "9m"), (49, "39m"))
    ]


def _is_true(expression: str, minute: int, series: list[dict[str, str]], tmp_path: Path) -> bool:
    one = {"labels": "{}", "value": 1}
    expected = {"expr": expression, "eval_time": f"{minute}m", "exp_samples": [one]}
    body = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [expected]}],
    }
    test = tmp_path / "alerts.json"
    test.write_text(json.dumps(body))  # JSON is YAML too
    done = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "{} 0E+00" in done.stdout + done.stderr, done.stdout + done.stderr
    return done.returncode == 0


def _repeat(value: str | None, times: int) -> str:
    return f"_x{times}" if value is None else f"{value}+0x{times - 1}"


@pytest.fixture
def healthy(client: Client, business_a: Business, business_b: Business, make_run: MakeRun) -> Scrape:
    for queue in count_workers():
        announce(f"worker@{queue}", queue, slots=2)
    make_run(business_b, Status.RUNNING)
    make_run(business_a, Status.COMPLETED)
    sweep()
    return scrape(client)


def test_the_rules_are_valid_and_each_has_its_fault_here() -> None:
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True)
    names = {line.partition("alert: ")[2] for line in RULES.read_text().splitlines() if "- alert: " in line}
    assert names == set(FAULTS)


@pytest.mark.parametrize("alert", FAULTS)
def test_it_fires_when_its_fault_is_there_and_not_before(
    alert: str, client: Client, healthy: Scrape, business_a: Business, make_run: MakeRun, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:  # undone before the database is cleaned up
        FAULTS[alert](Scene(make_run, business_a, patch))
        faulty = scrape(client)
    assert firings(alert, tmp_path, healthy, faulty) == [False, True]

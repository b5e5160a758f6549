"""G3 and G7, and in the end all guarantees, in short kill storms: each type and broker, with a fixed seed.

The seeds differ, so that the storms together have every kind of death. The storm itself is in `benchmarks/kill_storm`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.migrated import copy_migrated_state

STORM = [sys.executable, "-m", "benchmarks", "kill_storm", "--json"]
STORM_SECONDS = 1200
# A busy machine may pause for seconds within a claim.
SLACK_SECONDS = 5


Report = dict[str, Any]
Storm = Callable[..., Report]
Outlive = Callable[..., dict[str, dict[str, float]]]


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    """Run storms, each on a copy of one migrated database."""
    state = tmp_path / "storm"
    copy_migrated_state(state)

    def rage(*options: str) -> Report:
        command = [*STORM, f"--keep={state}", f"--slack={SLACK_SECONDS}", *options]
        ended = subprocess.run(
            command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=STORM_SECONDS, check=False
        )
        assert ended.stdout, ended.stderr
        report: Report = json.loads(ended.stdout)
        assert ended.returncode == bool(report["violations"]), ended.stderr
        return report

    yield rage
    shutil.rmtree(state)


@pytest.fixture
def outlive(storm: Storm) -> Outlive:
    """Run a storm that must violate nothing; returns what was counted, by guarantee."""

    def outlived(*options: str) -> dict[str, dict[str, float]]:
        report = storm(*options)
        assert report["violations"] == []
        return {finding["guarantee"]: finding["counted"] for finding in report["guarantees"]}

    return outlived


def test_each_poison_item_of_a_storm_is_failed_once_and_its_run_goes_on(outlive: Outlive) -> None:
    counted = outlive("--runs", "7", "--kills", "8", "--seed", "1")
    assert counted["G3"]["drill runs completed"] == 7
    assert counted["G7"]["poison steps that were planned"] == 3
    assert counted["G7"]["poison items"] >= 3


def test_runs_go_on_after_five_seconds_without_a_database(storm: Storm) -> None:
    report = storm("--runs", "4", "--kills", "1", "--only", "database", "--away", "5")
    assert report["violations"] == []
    figures = {row["figure"]: row["value"] for row in report["rows"]}
    assert figures["runs retried by a person"] == 0


def test_a_storm_over_a_broadcast_sends_no_message_twice(outlive: Outlive) -> None:
    counted = outlive("--type", "broadcast", "--recipients", "300", "--kills", "5", "--seed", "2")
    assert counted["G3"]["recipients compared with what the meta provider received"] == 300


@pytest.mark.needs("redis-server")
def test_a_storm_over_mailboxes_on_redis_loses_no_message(outlive: Outlive) -> None:
    counted = outlive("--type", "receipts", "--runs", "4", "--broker", "redis", "--kills", "5", "--seed", "3")
    assert counted["G3"]["messages that syncs have scanned"] == counted["G3"]["messages on mail servers"] > 200


@pytest.mark.needs("rabbitmq-server")
def test_a_storm_over_folders_of_recordings_on_rabbitmq_loses_no_call(outlive: Outlive) -> None:
    counted = outlive("--type", "recordings", "--runs", "4", "--broker", "rabbitmq", "--kills", "5", "--seed", "4")
    assert counted["G3"]["recordings fetched"] == counted["G3"]["files in folders"] > 200

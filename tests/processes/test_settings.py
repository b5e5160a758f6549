"""Settings come from the environment, and say plainly what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRODUCTION = {"DEBUG": "false", "SECRET_KEY": "x" * 60, "SALT_KEY": "salt", "DATABASE_URL": "postgres://unused/unused"}


def read(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process with just this environment reads."""
    return subprocess.run(
        [sys.executable, "-c", f"from progress_project import settings; print({expression})"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("missing", ["SECRET_KEY", "SALT_KEY", "DATABASE_URL"])
def test_production_names_what_is_missing(missing: str) -> None:
    partial = {name: value for name, value in PRODUCTION.items() if name != missing}
    assert f"Set {missing}, or DEBUG=1" in read("settings.DEBUG", **partial).stderr


def test_a_database_url_alone_means_production() -> None:
    assert "Set SECRET_KEY" in read("settings.DEBUG", DATABASE_URL="postgres://unused/unused").stderr


def test_without_configuration_it_is_the_demo_and_its_secret_stays_the_same(tmp_path: Path) -> None:
    first, second = (read("settings.DEBUG, settings.SECRET_KEY", UNSTUCK_VAR=str(tmp_path)).stdout for _ in range(2))
    assert first.startswith("True ")
    assert first == second


@pytest.mark.parametrize(("given", "read_as"), [("none", "None"), ("60", "60")])
def test_the_queue_timeout_may_be_none(given: str, read_as: str) -> None:
    seconds = read("settings.RUNS_QUEUE_TIMEOUT_SECONDS", **PRODUCTION, RUNS_QUEUE_TIMEOUT_SECONDS=given)
    assert seconds.stdout.strip() == read_as


def test_statements_may_take_long_but_no_transaction_may_be_idle_until_its_machine_is_lost() -> None:
    limits = "settings.DATABASES['default']['OPTIONS']['options']"
    patient = read(limits, **PRODUCTION, DATABASE_STATEMENT_TIMEOUT_SECONDS="120").stdout
    assert "statement_timeout=120s" in patient
    assert "idle_in_transaction_session_timeout=30s" in patient


def test_a_server_that_vanishes_is_noticed_before_the_runs_go_stale() -> None:
    """Its machine says nothing: the kernel would go on sending a query for a quarter of an hour."""
    options = read("settings.DATABASES['default']['OPTIONS']", **PRODUCTION).stdout
    assert "'tcp_user_timeout': 10000" in options
    assert "'keepalives_idle': 10" in options


def test_two_copies_share_neither_state_nor_imap_port() -> None:
    first, second = (read("settings.VAR_DIR, settings.DEMO_IMAP_PORT", PORT=port).stdout for port in ("8000", "8001"))
    assert first != second
    assert "10143" in first


def test_a_network_of_proxies_must_be_one() -> None:
    assert "'10.0.0.0/99' does not appear to be" in read("0", **PRODUCTION, TRUSTED_PROXIES="10.0.0.0/99").stderr


def test_a_rate_may_be_none_and_must_be_one() -> None:
    rates = "settings.REST_FRAMEWORK['DEFAULT_THROTTLE_RATES']['login']"
    assert read(rates, **PRODUCTION, THROTTLE_LOGIN="5/minute").stdout.strip() == "5/minute"
    assert read(rates, **PRODUCTION, THROTTLE_LOGIN="none").stdout.strip() == "None"
    assert "THROTTLE_LOGIN is '5 a day'" in read(rates, **PRODUCTION, THROTTLE_LOGIN="5 a day").stderr

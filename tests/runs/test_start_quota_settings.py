"""Quotas are read from the environment, and a typing error in one is no missing quota."""

from __future__ import annotations

import pytest

from tests.processes.test_settings import PRODUCTION, read


@pytest.mark.parametrize(("given", "read_as"), [("100/hour", "100/hour"), ("none", "None"), ("", "None")])
def test_a_quota_is_a_rate_or_none(given: str, read_as: str) -> None:
    assert read("settings.RUNS_START_QUOTA", **PRODUCTION, RUNS_START_QUOTA=given).stdout.strip() == read_as


def test_single_types_may_have_their_own() -> None:
    own = read("settings.RUNS_START_QUOTAS", **PRODUCTION, RUNS_START_QUOTAS="broadcast=10/hour,recording=none")
    assert own.stdout.strip() == "{'broadcast': '10/hour', 'recording': None}"


@pytest.mark.parametrize("name", ["RUNS_START_QUOTA", "RUNS_START_QUOTAS"])
def test_what_is_no_rate_is_refused(name: str) -> None:
    given = "broadcast=5 a day" if name.endswith("S") else "5 a day"
    assert f"{name} is '5 a day'" in read("0", **PRODUCTION, **{name: given}).stderr


def test_an_empty_rate_of_sign_ins_is_the_default_and_not_no_limit() -> None:
    rates = "settings.REST_FRAMEWORK['DEFAULT_THROTTLE_RATES']['login']"
    assert read(rates, **PRODUCTION, THROTTLE_LOGIN="").stdout.strip() == "60/hour"

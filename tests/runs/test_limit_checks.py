"""A limit or a quota of a run type that doesn't exist is a typing error, and refused at start."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from runs.checks import limits_name_run_types
from runs.drill.models import DrillRun


@pytest.mark.parametrize(("name", "value"), [("RUNS_MAX_RUNNING", 2), ("RUNS_START_QUOTAS", "1/hour")])
def test_a_misspelt_run_type_is_refused(settings: Settings, name: str, value: object) -> None:
    setattr(settings, name, {DrillRun.slug: value})
    assert limits_name_run_types(None) == []
    setattr(settings, name, {DrillRun.slug: value, "broadcasts": value})
    [error] = limits_name_run_types(None)
    assert (error.id, error.msg) == ("runs.E009", f"{name} names 'broadcasts', which is no run type.")

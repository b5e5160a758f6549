"""A run's JSON is made by a plain function; the schema's serializer, which describes it, says the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone, translation
from rest_framework.renderers import JSONRenderer

from receipts.models import ReceiptSyncRun
from runs.api.outputs import RunSerializer
from runs.api.run_json import serialize_run
from runs.models import Business, Run, run_types
from runs.pages.examples import make_example_runs
from runs.readers.one_run import fetch_run
from tests.cast import MakeRun


def as_written(data: Any) -> Any:
    """As a client reads it, with the order of its keys."""
    body = json.loads(JSONRenderer().render(data))
    return list(body), body


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("model", run_types(), ids=lambda model: model.slug)
def test_every_state_of_every_type_is_serialized_as_the_schema_says(model: type[Run], language: str) -> None:
    with translation.override(language), timezone.override("Asia/Jerusalem"):
        for run in make_example_runs(model).values():
            assert as_written(serialize_run(run)) == as_written(RunSerializer(run).data)


def test_a_run_of_the_database_is_too(business_a: Business, make_sync_run: MakeRun) -> None:
    made = make_sync_run(business_a, "running", total=10, processed=4, progress_pct=40.0, rate=1.5)
    run = fetch_run(ReceiptSyncRun, made.pk)
    assert run is not None
    assert as_written(serialize_run(run)) == as_written(RunSerializer(run).data)

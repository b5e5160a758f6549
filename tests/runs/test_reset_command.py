"""`manage.py reset_progress`, for operators."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from runs.models import Business
from runs.states import ErrorCode, Status
from tests.cast import MakeRun


def reset(business: object, *options: str) -> str:
    out = StringIO()
    call_command("reset_progress", "--business", str(business), *options, stdout=out)
    return out.getvalue().strip()


def answer(business: object, *options: str) -> Any:
    return json.loads(reset(business, "--json", *options))


def test_it_resets_by_slug(business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    assert reset("business-a").splitlines() == ["Successfully reset 1 stuck run", "  counting: 1"]
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, ErrorCode.RESET)


def test_it_resets_by_id(business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running")
    assert reset(business_a.pk).startswith("Successfully reset 1 stuck run")


def test_a_slug_may_be_made_of_digits(make_run: MakeRun) -> None:
    business = Business.objects.create(name="Numbers", slug="9999999")
    make_run(business, "running")
    assert reset("9999999").startswith("Successfully reset 1 stuck run")


def test_the_json_is_that_of_the_api(business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running")
    assert answer("business-a") == {
        "success": True,
        "message": "Successfully reset 1 stuck run",
        "reset_count": 1,
        "by_type": {"counting": 1},
        "dry_run": False,
    }


def test_a_dry_run_changes_nothing(business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    report = answer("business-a", "--dry-run")
    assert (report["reset_count"], report["dry_run"]) == (1, True)
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_only_stale_spares_the_living(business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running")
    assert answer("business-a", "--only-stale")["reset_count"] == 0


def test_the_timeline_names_operator_and_reason(
    business_a: Business, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "oper")
    run = make_run(business_a, "running")
    reset("business-a", "--reason", "Called by phone", "--type", "counting")
    context = run.events.latest("pgh_id").pgh_context
    assert context == {"actor": {"kind": "command", "name": "oper", "id": None}, "reason": "Called by phone"}


def test_other_businesses_are_left_alone(business_a: Business, business_b: Business, make_run: MakeRun) -> None:
    other = make_run(business_b, "running")
    assert answer("business-a")["reset_count"] == 0
    other.refresh_from_db()
    assert other.status == Status.RUNNING


@pytest.mark.parametrize("name", ["nobody", "0", "-1", "٣", "99999999999999999999999"])
def test_an_unknown_business_is_an_error(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="Unknown business"):
        call_command("reset_progress", f"--business={name}")


def test_an_unknown_type_is_an_error(business_a: Business) -> None:
    with pytest.raises(CommandError, match="Unknown type: nonsense"):
        reset("business-a", "--type", "nonsense")

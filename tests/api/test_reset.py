"""Staff's reset through the API: the exact response, and who may reset."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from rest_framework.test import APIClient

from runs.exceptions import RunLost
from runs.lifecycle.reset import Reset
from runs.models import Business, Membership
from runs.progress.flush import ProgressReport, flush
from tests.cast import MakeRun, client_of
from tests.contract.models import CountingRun


def url(business: Business, slash: str = "") -> str:
    return f"/api/admin/business/{business.pk}/reset-progress{slash}"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_answer_is_exact(as_staff: APIClient, business_a: Business, make_run: MakeRun, slash: str) -> None:
    make_run(business_a, "running")
    response = as_staff.post(url(business_a, slash))
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "message": "Successfully reset 1 stuck run",
        "reset_count": 1,
        "by_type": {"counting": 1},
    }


def test_several_and_none_use_the_plural(
    as_staff: APIClient, business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert as_staff.post(url(business_a)).json()["message"] == "Successfully reset 0 stuck runs"
    monkeypatch.setattr("runs.api.business_views.reset_progress", lambda *_, **__: Reset({"counting": 3}))
    assert as_staff.post(url(business_a)).json()["message"] == "Successfully reset 3 stuck runs"


def test_the_timeline_records_the_reason(as_staff: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "paused")
    as_staff.post(url(business_a), {"reason": "hung since Monday"})
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "reset")
    last = run.events.order_by("pgh_id").last()
    assert last.pgh_context["reason"] == "hung since Monday"
    assert (last.pgh_context["actor"]["kind"], last.pgh_context["actor"]["name"]) == ("staff", "staff")


def test_only_stale_spares_runs_with_a_heartbeat(as_staff: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    assert as_staff.post(url(business_a), {"only_stale": True}).json()["reset_count"] == 0
    CountingRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=400))
    assert as_staff.post(url(business_a), {"only_stale": True}).json()["reset_count"] == 1


def test_types_choose(as_staff: APIClient, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a)
    answer = as_staff.post(url(business_a), {"types": ["counting"]})
    assert answer.json()["by_type"] == {"counting": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [({"types": ["x"]}, "types.0"), ({"types": [{}]}, "types.0"), ({"types": []}, "types"), ({"types": "x"}, "types"),
     ({"only_stale": "x"}, "only_stale"), ({"only_stale": "false"}, "only_stale"), ({"only_stale": 0}, "only_stale"),
     ({"only_stale": {}}, "only_stale"), ({"reason": "\x00"}, "reason"),
     ({"reason": "x" * 501}, "reason"), ({"reason": []}, "reason")],
)  # fmt: skip
def test_invalid_fields_are_named_and_reset_nothing(
    as_staff: APIClient, business_a: Business, make_run: MakeRun, body: dict[str, Any], field: str
) -> None:
    run = make_run(business_a)
    response = as_staff.post(url(business_a), body)
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, field)
    run.refresh_from_db()
    assert run.status == "queued"


# Who may ask


def test_a_plain_member_is_refused(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a)
    assert as_member_a.post(url(business_a)).status_code == 403
    run.refresh_from_db()
    assert run.status == "queued"


def test_for_a_stranger_the_business_does_not_exist(as_member_a: APIClient, business_b: Business) -> None:
    assert as_member_a.post(url(business_b)).status_code == 404


def test_anonymous_requests_are_401(anonymous: APIClient, business_a: Business) -> None:
    assert anonymous.post(url(business_a)).status_code == 401


@pytest.mark.parametrize(("is_staff", "member", "code"), [(True, False, 404), (True, True, 403), (False, True, 403)])
def test_staff_without_the_permission_and_others_with_it_may_not(
    business_a: Business, is_staff: bool, member: bool, code: int
) -> None:
    user = User.objects.create_user("someone", is_staff=is_staff)
    if member:
        Membership.objects.create(user=user, business=business_a)
    if not is_staff:
        user.user_permissions.add(Permission.objects.get(codename="reset_progress"))
    assert client_of(user).post(url(business_a)).status_code == code


def test_staff_with_just_the_permission_may(business_a: Business) -> None:
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="reset_progress"))
    assert client_of(user).post(url(business_a)).status_code == 200


def test_a_browser_needs_its_csrf_token(staff: User, business_a: Business) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.post(url(business_a)).status_code == 403


@pytest.mark.parametrize("number", ["0", str(10**30)])
def test_an_unknown_business_is_404(as_staff: APIClient, number: str) -> None:
    assert as_staff.post(f"/api/admin/business/{number}/reset-progress").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_living_worker_cannot_revive_a_reset_run(
    as_staff: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    as_staff.post(url(business_a))
    counters: dict[str, int | None] = dict.fromkeys(("total", "processed", "succeeded", "failed", "skipped"), 0)
    with pytest.raises(RunLost):
        flush(run, ProgressReport(counters=counters, cursor={}, cursor_counts={}))
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "reset")

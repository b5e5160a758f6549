"""Any business's runs over the API of the admin's pages: by the staff's permissions, with an entry in the log."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from runs.models import Business
from runs.states import Status
from tests.cast import MakeRun, client_of
from tests.contract.models import CountingRun


@pytest.fixture
def helper(db: None) -> User:
    return User.objects.create_user("helper", is_staff=True)


def permit(user: User, codename: str) -> APIClient:
    user.user_permissions.add(Permission.objects.get(codename=codename))
    return client_of(user)


def url(run: Any, action: str = "") -> str:
    return f"/api/staff/runs/counting/{run.pk}/{action}"


def test_staff_who_may_view_the_type_read_any_businesss_runs(
    helper: User, business_b: Business, make_run: MakeRun
) -> None:
    run = make_run(business_b, "running", failed_items=1)
    client = permit(helper, "view_countingrun")
    assert client.get(url(run)).json()["actions"] == []
    assert len(client.get(url(run, "events/")).json()["results"]) == 2
    assert len(client.get(url(run, "items/")).json()["results"]) == 1
    assert client.get("/api/staff/runs/receipt_sync/1/").status_code == 404
    assert client.get(f"/api/runs/counting/{run.pk}/").status_code == 404
    for action in ("cancel/", "retry-failed/"):
        assert client.post(url(run, action)).status_code == 403
    run.refresh_from_db()
    assert run.requested == ""


def test_an_action_is_recorded_as_done_by_staff(helper: User, business_b: Business, make_run: MakeRun) -> None:
    run = make_run(business_b, "failed", failed_items=2)
    permit(helper, "view_countingrun")
    client = permit(helper, "control_runs")
    assert client.post(url(run, "retry/")).json()["status"] == "queued"
    context = run.events.latest("pgh_id").pgh_context
    assert context["actor"] == {"kind": "staff", "name": "helper", "id": helper.pk}
    assert client.post(url(run, "retry/")).status_code == 409
    assert client.post(url(run, "cancel/")).json()["status"] == "cancelled"
    assert client.post(url(run, "retry-failed/")).status_code == 202
    assert CountingRun.objects.latest("pk").created_by == helper
    entries = LogEntry.objects.order_by("pk").values_list("user", "object_id", "change_message")
    assert list(entries) == [(helper.pk, str(run.pk), message) for message in ("Retry", "Cancel", "Retry failed items")]


def test_nobody_else_learns_that_the_run_exists(
    as_member_a: APIClient, as_member_b: APIClient, helper: User, business_b: Business, make_run: MakeRun
) -> None:
    run = make_run(business_b, "running")
    member = User.objects.get(username="member-b")
    for codename in ("view_countingrun", "control_runs"):
        permit(member, codename)  # but no staff
    for client in (as_member_a, as_member_b, permit(helper, "control_runs")):  # who may not view the type
        assert client.get(url(run)).status_code == 404
        assert client.post(url(run, "cancel/")).status_code == 404
    run.refresh_from_db()
    assert (run.status, run.requested) == (Status.RUNNING, "")

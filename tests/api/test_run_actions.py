"""The actions on a run, and the response when its status doesn't allow one."""

import pytest
from rest_framework.test import APIClient

from runs.models import Business
from tests.cast import MakeRun
from tests.contract.models import CountedNumber, CountingRun

ALLOWED = {
    "cancel": {"queued", "running", "paused"},
    "pause": {"running"},
    "resume": {"paused", "cancelled"},
    "retry": {"failed"},
}
STATUSES = ["queued", "running", "paused", "completed", "failed", "cancelled"]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ALLOWED)
def test_an_action_succeeds_where_the_status_allows_it_and_is_else_409(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, action: str, status: str
) -> None:
    run = make_run(business_a, status)
    offered = as_member_a.get(f"/api/runs/counting/{run.pk}/").json()["actions"]
    response = as_member_a.post(f"/api/runs/counting/{run.pk}/{action}/")
    allowed = status in ALLOWED[action]
    assert (action in offered) == allowed
    assert response.status_code == (200 if allowed else 409)
    if not allowed:
        assert response.json()["errors"][0]["code"] == "wrong_state"
        assert (response.json()["run"]["id"], response.json()["run"]["status"]) == (run.pk, status)


def test_a_running_run_shows_the_stop_request(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    body = as_member_a.post(f"/api/runs/counting/{run.pk}/cancel/").json()
    assert (body["status"], body["requested"], body["actions"]) == ("running", "cancel", [])


def test_a_run_without_a_worker_is_cancelled_at_once(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a)
    body = as_member_a.post(f"/api/runs/counting/{run.pk}/cancel/").json()
    assert (body["status"], body["actions"]) == ("cancelled", ["resume"])


def test_a_retry_goes_on_with_the_same_run(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "failed", processed=7, total=9, error_code="exception", error_message="x")
    body = as_member_a.post(f"/api/runs/counting/{run.pk}/retry/").json()
    assert (body["id"], body["status"], body["processed"], body["error_code"]) == (run.pk, "queued", 7, "")


@pytest.mark.parametrize("action", ["cancel", "pause"])
def test_an_overdue_run_is_repaired_before_an_action(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, action: str
) -> None:
    run = make_run(business_a, "running", silent_for=400)
    response = as_member_a.post(f"/api/runs/counting/{run.pk}/{action}/")
    assert response.status_code == 409
    assert (response.json()["run"]["status"], response.json()["run"]["error_code"]) == ("failed", "stale")


def test_a_retry_beside_an_active_run_names_that_run(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    failed, active = make_run(business_a, "failed"), make_run(business_a, "running")
    response = as_member_a.post(f"/api/runs/counting/{failed.pk}/retry/")
    assert response.status_code == 409
    assert response.json()["errors"][0]["code"] == "active_run_exists"
    assert response.json()["run"]["id"] == active.pk


def test_the_timeline_names_the_person(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a)
    as_member_a.post(f"/api/runs/counting/{run.pk}/cancel/")
    last = as_member_a.get(f"/api/runs/counting/{run.pk}/events/").json()["results"][-1]
    assert (last["status"], last["actor"]) == ("cancelled", {"kind": "person", "name": "member-a"})


# Failed items only


def test_failed_items_are_retried_in_a_new_run(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "completed", failed_items=3)
    response = as_member_a.post(f"/api/runs/counting/{run.pk}/retry-failed/")
    assert response.status_code == 202
    assert response.json()["id"] != run.pk
    assert CountedNumber.objects.filter(run=response.json()["id"], status="pending").count() == 3
    assert CountingRun.objects.get(pk=run.pk).status == "completed"


@pytest.mark.parametrize(("status", "failed_items"), [("completed", 0), ("running", 2)])
def test_without_failed_items_or_before_the_end_it_is_409(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, status: str, failed_items: int
) -> None:
    run = make_run(business_a, status, failed_items=failed_items)
    response = as_member_a.post(f"/api/runs/counting/{run.pk}/retry-failed/")
    assert (response.status_code, response.json()["run"]["id"]) == (409, run.pk)


def test_failed_items_wait_for_the_active_run(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "completed", failed_items=1)
    active = make_run(business_a)
    response = as_member_a.post(f"/api/runs/counting/{run.pk}/retry-failed/")
    assert (response.status_code, response.json()["run"]["id"]) == (409, active.pk)

"""The timeline of a run."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from recordings.stored_messages import PROVIDER_ERROR
from runs.models import Business, Membership
from runs.models.audit import Actor, audit_context
from runs.states import Status
from tests.cast import MakeRun
from tests.contract.models import CountingRun


def url(run: CountingRun) -> str:
    return f"/api/runs/counting/{run.pk}/events/"


def crash(run: CountingRun) -> None:
    with audit_context(Actor("worker", "w1"), "exception", traceback="Traceback: secret"):
        CountingRun.objects.filter(pk=run.pk).transition_to(Status.FAILED)


def test_it_lists_every_change_oldest_first(
    as_member_a: APIClient, business_a: Business, member_a: User, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", created_by=member_a, silent_for=400, processed=3)
    events = as_member_a.get(url(run)).json()["results"]
    assert [(event["status"], event["reason"], event["actor"]["kind"]) for event in events] == [
        ("queued", "started", "person"),
        ("running", "claimed", "worker"),
        ("failed", "no heartbeat", "reader"),
    ]
    assert events[0]["actor"]["name"] == "member-a"
    assert (events[-1]["processed"], events[-1]["error_code"], events[-1]["worker"]) == (3, "stale", "worker@test")


def test_an_error_is_in_the_readers_language(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    with audit_context(Actor("worker", "w1"), "exception"):
        rows = CountingRun.objects.filter(pk=run.pk)
        rows.transition_to(Status.FAILED, error_message=PROVIDER_ERROR % {"status": 503})
    last = as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE="he").json()["results"][-1]
    assert last["error_message"] == "הספק השיב בשגיאה (503)."


@pytest.mark.django_db(transaction=True)
def test_a_change_by_hand_has_no_actor(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a)
    CountingRun.objects.filter(pk=run.pk).transition_to(Status.CANCELLED)
    last = as_member_a.get(url(run)).json()["results"][-1]
    assert (last["actor"], last["reason"]) == (None, "")


def test_a_traceback_is_for_staff_only(
    as_member_a: APIClient, as_staff: APIClient, staff: User, business_a: Business, make_run: MakeRun
) -> None:
    Membership.objects.create(user=staff, business=business_a)
    run = make_run(business_a, "running")
    crash(run)
    assert "secret" not in as_member_a.get(url(run)).content.decode()
    assert as_staff.get(url(run)).json()["results"][-1]["traceback"] == "Traceback: secret"

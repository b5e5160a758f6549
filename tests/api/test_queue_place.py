"""A run's place in the queue over HTTP: in detail, list, stream and pages, for its members and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.claim import claim_next
from runs.models import Business, RunLimit
from runs.states import Status
from tests.event_streams import make_token, open_stream
from tests.fleet import announce
from tests.servers import server

QUEUE = DrillRun.queue


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("web")) as url:
        yield url


def queue_run(business: Business) -> DrillRun:
    return start(DrillRun, business, steps=1)


def claim() -> DrillRun:
    run = claim_next(QUEUE, worker="worker@test", task_id="task")
    assert isinstance(run, DrillRun)
    return run


def occupy_slots(business: Business) -> None:
    announce("worker@test", QUEUE, slots=1)
    queue_run(business)
    claim()


def url(run: DrillRun) -> str:
    return f"/api/runs/{run.slug}/{run.pk}/"


def place(body: dict[str, Any]) -> Any:
    return body["verdict"]["evidence"]["place_in_queue"]


def test_detail_and_list_tell_the_place_and_what_it_waits_for(
    as_member_a: APIClient, business_a: Business, business_b: Business
) -> None:
    occupy_slots(business_b)
    first, second = queue_run(business_a), queue_run(business_a)
    assert place(as_member_a.get(url(first)).json()) == 1
    body = as_member_a.get(url(second)).json()
    assert body["verdict"]["code"] == "waiting_for_worker"
    assert body["verdict"]["message"] == "Place 2 in the queue."
    assert body["verdict"]["evidence"]["waits_for"] == "slot"
    assert [place(listed) for listed in as_member_a.get("/api/runs/").json()["results"]] == [2, 1]


def test_the_answer_to_a_start_tells_it_too(as_member_a: APIClient, business_a: Business, mailbox_a: object) -> None:
    body = as_member_a.post("/api/receipts/sync/", {"business": business_a.pk, "mode": "full"}).json()
    assert (body["verdict"]["message"], place(body)) == ("No worker is running.", 1)


def test_pages_show_it(client: Client, member_a: User, business_a: Business, business_b: Business) -> None:
    occupy_slots(business_b)
    queue_run(business_a)
    run = queue_run(business_a)
    client.force_login(member_a)
    for page in (f"/b/business-a/runs/{run.slug}/{run.pk}/", reverse("history", args=["business-a"])):
        assert "Place 2 in the queue." in client.get(page).content.decode(), page


def test_another_place_is_another_answer(as_member_a: APIClient, business_a: Business, business_b: Business) -> None:
    """Its row hasn't changed, and its version neither."""
    occupy_slots(business_b)
    first, second = queue_run(business_a), queue_run(business_a)
    etag = as_member_a.get(url(second)).headers["ETag"]
    assert as_member_a.get(url(second), HTTP_IF_NONE_MATCH=etag).status_code == 304
    DrillRun.objects.filter(pk=first.pk).transition_to(Status.CANCELLED)
    answer = as_member_a.get(url(second), HTTP_IF_NONE_MATCH=etag)
    assert (answer.status_code, place(answer.json())) == (200, 1)


def test_another_place_without_a_worker_is_another_answer(as_member_a: APIClient, business_a: Business) -> None:
    """Its message stays the same."""
    first, second = queue_run(business_a), queue_run(business_a)
    etag = as_member_a.get(url(second)).headers["ETag"]
    DrillRun.objects.filter(pk=first.pk).transition_to(Status.CANCELLED)
    assert as_member_a.get(url(second), HTTP_IF_NONE_MATCH=etag).status_code == 200


@pytest.mark.parametrize("limit", [None, 7])
def test_of_other_businesses_a_member_learns_no_more_than_the_place(
    as_member_a: APIClient, business_a: Business, business_b: Business, limit: int | None
) -> None:
    Business.objects.filter(pk=business_b.pk).update(name="Zebra", slug="zebra")
    announce("worker@test", QUEUE, slots=7)
    if limit:
        RunLimit.objects.create(run_type=DrillRun.slug, max_running=limit)
    for _number in range(20):
        queue_run(business_b)
    for _number in range(7):
        claim()
    run = queue_run(business_a)
    verdict = as_member_a.get(url(run)).json()["verdict"]
    assert verdict["evidence"]["place_in_queue"] == 1
    assert verdict["evidence"]["running_of_limit"] is None
    ages = {"seconds_in_queue": None}  # may have any digits
    text = verdict["message"] + repr(verdict["evidence"] | ages)
    assert not any(secret in text for secret in ("Zebra", "zebra", "7", "13", "20"))


def test_a_stranger_sees_neither_run_nor_place(
    as_member_b: APIClient, business_a: Business, business_b: Business
) -> None:
    run = queue_run(business_a)
    assert as_member_b.get(url(run)).status_code == 404
    assert as_member_b.get("/api/runs/").json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_the_stream_sends_a_run_whose_place_has_changed(
    asgi: str, member_a: User, business_a: Business, business_b: Business
) -> None:
    announce("worker@test", QUEUE, slots=0)
    first, run = queue_run(business_b), queue_run(business_a)
    with open_stream(asgi, business_a.pk, Authorization=make_token(member_a)) as stream:
        before = stream.next_run()
        DrillRun.objects.filter(pk=first.pk).transition_to(Status.CANCELLED)
        after = stream.next_run()
    assert (place(before), place(after)) == (2, 1)
    assert (before["id"], before["version"]) == (after["id"], after["version"]) == (run.pk, run.version)
    assert after["verdict"]["message"] == "It is next in the queue."

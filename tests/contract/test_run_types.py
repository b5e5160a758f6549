"""The contract of every run type, from its start to its tenancy.

Start, claim, flush, pause, cancel, retry, expire, reset, poison, items, CSV, stream, admin, card, tenancy. Each
concrete type of the installation goes through all of it, and so does one that only the tests define
(`tests/contract/models.py`). A new type is covered without a line here. Proves G5 for the URLs of a run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from rest_framework.test import APIClient

from runs.exceptions import ActiveRunExists, RunLost
from runs.lifecycle.reset import reset_progress
from runs.lifecycle.sweep import sweep
from runs.models import Business, Run, run_types
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import ItemStatus, Status
from tests.actors import age_heartbeat, read_run
from tests.claims import claim_run, work_on
from tests.contract.factories import make_items, start_any
from tests.event_streams import make_token, open_stream
from tests.servers import get, server

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # a flush commits by itself

NUMBERS = 20


@pytest.fixture(params=run_types(), ids=lambda model: model.slug)
def model(request: pytest.FixtureRequest) -> type[Run]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def run(model: type[Run], business_a: Business) -> Run:
    return start_any(model, business_a)


class Killed(BaseException):
    """Stands in for the death of the process: no handler of the product catches it."""


def count_numbers(stop_at: int | None = None, stop: Callable[[Run], object] = lambda run: None) -> Any:
    """Work that starts at its cursor, and calls `stop` inside one of its items."""

    def work(run: Run, progress: Progress) -> None:
        first = run.cursor.get("next", 0)
        for number in progress.track(range(first, NUMBERS), durably=True):
            if number == stop_at:
                stop(run)
            progress.checkpoint(next=number + 1)

    return work


def work_through(run: Run, work: Any) -> Run:
    work_on(run, work)
    return read_run(run)


def kill(run: Run) -> None:
    raise Killed


def let_die(run: Run, work: Any) -> Run:
    """One attempt whose process is killed; its parent reclaims the run."""
    with pytest.raises(Killed):
        work_through(run, work)
    type(run).objects.filter(pk=run.pk).reclaim()
    return read_run(run)


def fail(run: Run) -> None:
    raise ValueError("broken")


def url(run: Run, action: str = "") -> str:
    return f"/api/runs/{run.slug}/{run.pk}/{action}"


# Start and claim


@commits
def test_a_start_is_published_once_and_a_key_returns_the_same_run(
    model: type[Run], business_a: Business, messages: list[Any]
) -> None:
    run = start_any(model, business_a, idempotency_key="once")
    assert start_any(model, business_a, idempotency_key="once").pk == run.pk
    assert messages == [("runs.work_on_queue", [model.queue])]


def test_an_exclusive_type_has_one_active_run_a_business(model: type[Run], run: Run, business_b: Business) -> None:
    start_any(model, business_b)
    if not model.exclusive:
        start_any(model, run.business)
        return
    with pytest.raises(ActiveRunExists) as raised:
        start_any(model, run.business)
    assert raised.value.run.pk == run.pk


def test_a_run_is_claimed_once(model: type[Run], run: Run) -> None:
    first = claim_run(run, worker="worker@one", task_id="1")
    assert first is not None
    assert (first.status, first.attempt) == (Status.RUNNING, 1)
    assert claim_run(run, worker="worker@two", task_id="2") is None


# Flush, pause, cancel, retry, poison


@commits
def test_a_run_counts_its_items_and_completes(run: Run) -> None:
    run = work_through(run, count_numbers())
    assert (run.status, run.processed, run.total, run.progress_pct) == (Status.COMPLETED, NUMBERS, NUMBERS, 100.0)


@commits
def test_a_flush_is_shown_and_the_next_attempt_starts_at_its_cursor(run: Run) -> None:
    shown: list[float | None] = []
    run = let_die(run, count_numbers(12, kill))
    assert (run.status, run.processed) == (Status.QUEUED, 12)
    run = work_through(run, count_numbers(15, lambda run: shown.append(read_run(run).progress_pct)))
    assert shown[0] is not None
    assert shown[0] >= 60.0
    assert (run.status, run.processed, run.attempt) == (Status.COMPLETED, NUMBERS, 2)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
@commits
def test_pause_and_cancel_stop_a_running_run_and_it_can_be_resumed(
    run: Run, as_member_a: APIClient, action: str, status: Status
) -> None:
    def request_stop(run: Run) -> None:
        assert as_member_a.post(url(run, f"{action}/")).json()["requested"] == action

    run = work_through(run, count_numbers(5, request_stop))
    assert (run.status, run.processed, run.requested) == (status, 6, "")
    assert as_member_a.post(url(run, "resume/")).json()["status"] == "queued"
    assert work_through(run, count_numbers()).processed == NUMBERS


def test_a_queued_run_is_cancelled_at_once(run: Run, as_member_a: APIClient) -> None:
    assert as_member_a.post(url(run, "cancel/")).json()["status"] == "cancelled"


@commits
def test_an_error_fails_the_run_and_a_retry_goes_on_from_its_cursor(run: Run, as_member_a: APIClient) -> None:
    run = work_through(run, count_numbers(7, fail))
    assert (run.status, run.error_code, run.processed) == (Status.FAILED, "exception", 7)
    assert as_member_a.post(url(run, "retry/")).json()["status"] == "queued"
    assert work_through(run, count_numbers()).status == Status.COMPLETED


@commits
def test_a_poison_item_fails_after_its_second_death_and_the_run_goes_on_after_it(run: Run) -> None:
    for _attempt in range(2):
        run = let_die(run, count_numbers(7, kill))
        assert run.status == Status.QUEUED
    run = work_through(run, count_numbers(7, kill))
    assert (run.status, run.processed, run.failed, run.poison_items) == (Status.COMPLETED, NUMBERS, 1, ["7"])


# Expire and reset


@commits
@pytest.mark.usefixtures("stopped_clock")
def test_an_overdue_run_is_expired_by_its_first_reader_and_its_attempt_writes_nothing_more(
    model: type[Run], run: Run, as_member_a: APIClient
) -> None:
    attempt = claim_run(run, worker="worker@lost", task_id="1")
    assert attempt is not None
    age_heartbeat(attempt, 301)
    body = as_member_a.get(url(run)).json()
    assert (body["status"], body["error_code"]) == ("failed", "stale")
    assert body["error_message"] == "Run marked as failed due to no heartbeat for 301s"
    with pytest.raises(RunLost):
        Progress(attempt).leave(Status.COMPLETED)
    assert read_run(run).status == Status.FAILED


@commits
def test_the_sweep_fails_a_silent_run(model: type[Run], run: Run) -> None:
    attempt = claim_run(run, worker="worker@lost", task_id="1")
    assert attempt is not None
    age_heartbeat(attempt, 301)
    assert sweep()
    assert model.objects.get(pk=run.pk).error_code == "stale"


@commits
def test_a_reset_fails_the_run_and_its_worker_stops(run: Run, business_a: Business) -> None:
    def reset(run: Run) -> None:
        assert reset_progress(business_a, actor=SYSTEM).by_type == {run.slug: 1}

    run = work_through(run, count_numbers(5, reset))
    assert (run.status, run.error_code) == (Status.FAILED, "reset")


@commits
def test_the_database_refuses_a_transition_that_isnt_allowed(run: Run) -> None:
    run = work_through(run, count_numbers())
    with pytest.raises(DatabaseError, match="Invalid transition"):
        type(run).objects.filter(pk=run.pk).update(status=Status.RUNNING)


# Readers: JSON, items, CSV, card, admin


@commits
def test_json_list_and_timeline_show_the_run(run: Run, as_member_a: APIClient) -> None:
    run = work_through(run, count_numbers())
    body = as_member_a.get(url(run)).json()
    assert body["type"] == run.slug
    assert set(body["details"]) == set(type(run).public_fields)
    events = as_member_a.get(url(run, "events/")).json()["results"]
    assert [event["status"] for event in events] == ["queued", "running", "completed"]
    [listed] = as_member_a.get("/api/runs/", {"type": run.slug}).json()["results"]
    assert listed["id"] == run.pk


def test_items_are_listed_and_downloaded_as_csv(run: Run, as_member_a: APIClient) -> None:
    make_items(run, ["a", "b"], ItemStatus.FAILED)
    page = as_member_a.get(url(run, "items/"))
    if run.item_model() is None:
        assert page.status_code == 404
        return
    assert [item["key"] for item in page.json()["results"]] == ["a", "b"]
    lines = b"".join(as_member_a.get(url(run, "items/"), {"format": "csv"})).decode("utf-8-sig")
    assert [row["key"] for row in csv.DictReader(io.StringIO(lines))] == ["a", "b"]


@commits
def test_failed_items_are_retried_in_a_new_run(run: Run, as_member_a: APIClient) -> None:
    make_items(run, ["a", "b"], ItemStatus.FAILED)
    run = work_through(run, count_numbers())
    type(run).objects.filter(pk=run.pk).update(failed=2)
    answer = as_member_a.post(url(run, "retry-failed/"))
    if run.item_model() is None:
        assert answer.status_code == 409
        return
    again: Any = type(run).objects.get(pk=answer.json()["id"])
    assert [item.status for item in again.items.all()] == ["pending", "pending"]


def test_its_page_shows_the_run_in_a_card(run: Run, member_a: User, client: Client) -> None:
    client.force_login(member_a)
    page = client.get(f"/b/{run.business.slug}/runs/{run.slug}/{run.pk}/").content.decode()
    assert f'type="{run.slug}"' in page


def test_the_admin_shows_it_read_only(run: Run, staff: User, client: Client) -> None:
    client.force_login(staff)
    opts = run._meta
    root = f"/admin/{opts.app_label}/{opts.model_name}/"
    assert client.get(root).status_code == 200
    assert client.get(f"{root}{run.pk}/change/").status_code == 200
    assert client.get(f"{root}add/").status_code == 403
    assert client.post(f"{root}{run.pk}/delete/").status_code == 403


# Stream


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("web")) as url:
        yield url


@commits
def test_the_stream_sends_a_member_the_run_and_each_change(asgi: str, run: Run, member_a: User) -> None:
    with open_stream(asgi, run.business.slug, Authorization=make_token(member_a)) as stream:
        snapshot = stream.next_run()
        assert (snapshot["type"], snapshot["id"], snapshot["status"]) == (run.slug, run.pk, "queued")
        assert claim_run(run, task_id="1")
        change = stream.next_run()
        assert (change["type"], change["id"], change["status"]) == (run.slug, run.pk, "running")


@commits
def test_the_stream_sends_a_stranger_nothing_of_it(
    asgi: str, model: type[Run], run: Run, business_b: Business, member_b: User
) -> None:
    token = make_token(member_b)
    refusal = get(f"{asgi}/api/runs/stream/?business={run.business.slug}", headers={"Authorization": token})
    assert refusal.status_code == 404
    own = start_any(model, business_b)
    with open_stream(asgi, business_b.slug, Authorization=token) as stream:
        assert stream.next_run()["id"] == own.pk
        for each in (run, own):  # the stranger's own run changes last: nothing may come before it
            assert claim_run(each, task_id="1")
        changes = [stream.next_run()]
        while changes[-1]["status"] == "queued":  # sent again when its place in the queue changes
            changes.append(stream.next_run())
        assert {change["id"] for change in changes} == {own.pk}
        assert changes[-1]["status"] == "running"


# Tenancy (G5)


@pytest.mark.parametrize("action", ["", "events/", "items/"])
def test_strangers_read_nothing(run: Run, as_member_b: APIClient, action: str) -> None:
    assert as_member_b.get(url(run, action)).status_code == 404


@pytest.mark.parametrize("action", ["cancel/", "pause/", "resume/", "retry/", "retry-failed/"])
def test_strangers_do_nothing(run: Run, as_member_b: APIClient, action: str) -> None:
    assert as_member_b.post(url(run, action)).status_code == 404
    assert read_run(run).status == Status.QUEUED


def test_strangers_find_no_page(run: Run, member_b: User, client: Client) -> None:
    client.force_login(member_b)
    assert client.get(f"/b/{run.business.slug}/runs/{run.slug}/{run.pk}/").status_code == 404

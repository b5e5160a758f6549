"""Cancel, retry and reset everything that a filter finds: one page, a reason, a permission and a log."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from runs.admin import bulk as pages
from runs.lifecycle import bulk
from runs.lifecycle.worker import fetch_requester
from runs.models import Business
from runs.models.audit import Actor
from runs.states import ErrorCode, Status, StopRequest
from tests.cast import MakeRun
from tests.contract.models import CountingRun


def address(action: str, filters: str = "") -> str:
    return f"{reverse('admin:runs_allruns_action', args=[action])}?{filters}"


def confirm(client: Client, url: str, reason: str = "Their mailbox is gone", **changed: str) -> Any:
    """Open the page, and submit the form that it contains."""
    form = client.get(url).context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    return client.post(url, {**values, "reason": reason, **changed})


def many(make_run: MakeRun, count: int, status: str = "queued", **columns: Any) -> list[Any]:
    businesses = [Business.objects.create(name=f"Business {n}", slug=f"business-{n}") for n in range(count)]
    return [make_run(business, status, **columns) for business in businesses]


def statuses(runs: list[Any]) -> list[str]:
    rows = dict(CountingRun.objects.values_list("pk", "status"))
    return [rows[run.pk] for run in runs]


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_everything_that_the_filter_finds_is_cancelled_with_the_reason(
    as_staff_in_admin: Client,
    staff: User,
    business_a: Business,
    business_b: Business,
    make_run: MakeRun,
    make_sync_run: MakeRun,
) -> None:
    queued, paused = make_run(business_a), make_sync_run(business_a, "paused")
    running, finished = make_run(business_b, "running"), make_sync_run(business_b, "completed")
    url = address("cancel", "status=active")
    page = as_staff_in_admin.get(url)
    assert page.context["count"] == 3
    assert "3 runs" in page.content.decode()
    response = confirm(as_staff_in_admin, url)
    assert response.headers["Location"] == f"{reverse('admin:runs_allruns_changelist')}?status=active"
    shown = as_staff_in_admin.get(response.headers["Location"]).content.decode()
    assert "3 runs were cancelled, or asked to stop at their next items." in shown
    for run in (queued, paused, running, finished):
        run.refresh_from_db()
    assert [run.status for run in (queued, paused, finished)] == [Status.CANCELLED, Status.CANCELLED, Status.COMPLETED]
    actor = {"kind": "staff", "name": "staff", "id": staff.pk}
    assert (running.status, running.requested) == (Status.RUNNING, StopRequest.CANCEL)
    # The worker will record it so.
    assert fetch_requester(running) == (Actor.user(staff, "staff"), "Their mailbox is gone")
    context = queued.events.latest("pgh_id").pgh_context
    assert context["reason"] == "Their mailbox is gone"
    assert context["actor"] == actor
    entries = set(LogEntry.objects.values_list("content_type__model", "object_id", "change_message"))
    message = "Cancel runs. Reason: Their mailbox is gone"
    assert entries == {(run._meta.model_name, str(run.pk), message) for run in (queued, paused, running)}


def test_failed_runs_go_back_to_their_queues_but_not_beside_an_active_one(
    as_staff_in_admin: Client, business_a: Business, business_b: Business, make_run: MakeRun, messages: list[Any]
) -> None:
    free, blocked = make_run(business_a, "failed"), make_run(business_b, "failed")
    cancelled, active = make_run(business_b, "cancelled"), make_run(business_b, "running")
    messages.clear()
    page = confirm(as_staff_in_admin, address("retry"))
    shown = as_staff_in_admin.get(page.headers["Location"]).content.decode()
    assert "1 run is in its queue again." in shown
    assert "1 run was left: another run of the business is active." in shown
    assert statuses([free, blocked, cancelled, active]) == ["queued", "failed", "cancelled", "running"]
    assert LogEntry.objects.get().object_id == str(free.pk)


def test_a_reset_fails_active_runs_even_those_that_are_overdue_or_cancelling(
    as_staff_in_admin: Client, make_run: MakeRun
) -> None:
    overdue, cancelling, other = many(make_run, 3, "running", silent_for=400)
    CountingRun.objects.filter(pk=cancelling.pk).update(requested=StopRequest.CANCEL)
    url = address("reset", f"business={overdue.business_id}")
    assert as_staff_in_admin.get(url).context["count"] == 1
    assert statuses([overdue]) == ["running"]  # opening the page changes nothing
    confirm(as_staff_in_admin, url)
    confirm(as_staff_in_admin, address("reset", f"business={cancelling.business_id}"))
    codes = list(CountingRun.objects.order_by("pk").values_list("status", "error_code"))
    assert codes == [("failed", ErrorCode.RESET), ("failed", ErrorCode.RESET), ("running", "")]
    assert other.status == Status.RUNNING


def test_a_large_selection_is_done_in_parts_and_none_is_left_out(
    as_staff_in_admin: Client, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = many(make_run, 5)
    monkeypatch.setitem(vars(bulk.CANCEL), "batch", 2)
    monkeypatch.setattr(bulk, "MOST_RUNS", 2)
    response = confirm(as_staff_in_admin, address("cancel"))
    assert response.context["count"] == 3
    assert response.context["form"]["reason"].value() == "Their mailbox is gone"
    parts = 1
    while response.status_code == 200:
        form = response.context["form"]
        response = as_staff_in_admin.post(address("cancel"), {name: form[name].value() for name in form.fields})
        parts += 1
    assert (parts, set(statuses(runs))) == (3, {"cancelled"})


def test_a_crash_in_the_middle_leaves_no_run_without_its_log_entry_and_can_be_repeated(
    as_staff_in_admin: Client, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = many(make_run, 3, "failed")
    log, calls = pages.log_changes, []

    def crash_at_the_second(*args: Any) -> None:
        log(*args)
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError

    monkeypatch.setattr(pages, "log_changes", crash_at_the_second)
    with pytest.raises(RuntimeError):
        confirm(as_staff_in_admin, address("retry"))
    assert statuses(runs) == ["queued", "failed", "failed"]
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(runs[0].pk)]
    confirm(as_staff_in_admin, address("retry"))
    assert statuses(runs) == ["queued", "queued", "queued"]
    assert LogEntry.objects.count() == 3


def test_runs_that_start_after_the_page_was_opened_are_spared(as_staff_in_admin: Client, make_run: MakeRun) -> None:
    [before] = many(make_run, 1)
    form = as_staff_in_admin.get(address("cancel")).context["form"]
    after = make_run(Business.objects.create(name="Late", slug="late"))
    as_staff_in_admin.post(address("cancel"), {"reason": "too many", "seen_at": form["seen_at"].value(), "after": ""})
    assert statuses([before, after]) == ["cancelled", "queued"]


def test_wrong_forms_change_nothing(as_staff_in_admin: Client, make_run: MakeRun) -> None:
    runs = many(make_run, 1)
    for wrong in (
        {"reason": "  "},
        {"reason": "x" * 201},
        {"seen_at": "yesterday"},
        {"seen_at": "2026-01-01"},
        {"seen_at": ""},
        {"after": "counting -1"},
        {"after": "counting " + "9" * 30},
    ):
        assert confirm(as_staff_in_admin, address("cancel"), **wrong).status_code == 400, wrong
    assert as_staff_in_admin.post(address("cancel", "business=nobody"), {"reason": "x"}).status_code == 302
    assert as_staff_in_admin.get(address("erase")).status_code == 404
    assert statuses(runs) == ["queued"]


def test_each_action_needs_its_permission(client: Client, make_run: MakeRun) -> None:
    runs = many(make_run, 1, "running")
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_countingrun"))
    client.force_login(helper)
    for codename, allowed in (("reset_progress", {"reset"}), ("control_runs", {"cancel", "retry"})):
        helper.user_permissions.add(permission := Permission.objects.get(codename=codename))
        for action in ("cancel", "retry", "reset"):
            expected = 200 if action in allowed else 403
            assert client.get(address(action)).status_code == expected, (codename, action)
            if expected == 403:
                assert client.post(address(action), {"reason": "please"}).status_code == 403
        assert {each.name for each in client.get("/admin/runs/allruns/").context["actions"]} == allowed
        helper.user_permissions.remove(permission)
    assert statuses(runs) == ["running"]

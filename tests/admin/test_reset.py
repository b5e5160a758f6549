"""Reset progress in the admin: a page in between, a reason, a permission, and two logs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from broadcasts.models import ProviderAccount
from runs.models import Business
from runs.states import ErrorCode, Status
from tests.cast import MakeRun
from tests.whatsapp import broadcast, numbers

PAGE = "/admin/runs/business/reset-progress/"


def of(*businesses: Business, **more: Any) -> dict[str, Any]:
    return {"business": [business.pk for business in businesses], **more}


@pytest.fixture
def helper(db: None) -> User:
    """Staff who may only view businesses."""
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_business"))
    return user


def test_staff_resets_with_a_reason(client: Client, staff: User, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    client.force_login(staff)
    response = client.post(PAGE, of(business_a, reason="Their bar is stuck"), follow=True)
    assert "Successfully reset 1 stuck run." in response.content.decode()
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, ErrorCode.RESET)


def test_the_reason_is_in_the_timeline(client: Client, staff: User, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    client.force_login(staff)
    client.post(PAGE, of(business_a, reason="Their bar is stuck"))
    context = run.events.latest("pgh_id").pgh_context
    assert context["reason"] == "Their bar is stuck"
    assert context["actor"] == {"kind": "staff", "name": "staff", "id": staff.pk}


def test_the_reason_is_in_the_admin_log(client: Client, staff: User, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running")
    client.force_login(staff)
    client.post(PAGE, of(business_a, reason="Their bar is stuck"))
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (staff, str(business_a.pk))
    assert "counting: 1" in entry.change_message
    assert "Their bar is stuck" in entry.change_message


def test_without_a_reason_nothing_is_reset(
    client: Client, staff: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    client.force_login(staff)
    response = client.post(PAGE, of(business_a, reason="  "))
    assert "This field is required." in response.content.decode()
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_the_page_lists_what_would_be_reset(
    client: Client, staff: User, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running", total=200, processed=50, progress_pct=25.0)
    make_run(business_b, "running", silent_for=400)
    client.force_login(staff)
    page = client.get(PAGE, of(business_a, business_b)).content.decode()
    assert "25.0%" in page
    assert "Stuck - no updates" in page
    assert "This field is required." not in page


def test_the_page_says_when_more_would_be_reset_than_it_lists(
    client: Client, staff: User, account_a: ProviderAccount, business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _number in range(2):
        broadcast(account_a, numbers(1))
    client.force_login(staff)
    assert "all are reset" not in client.get(PAGE, of(business_a)).content.decode()
    monkeypatch.setattr("runs.admin.reset.RUNS_LISTED", 1)
    assert "The newest 1 of each type are shown; all are reset." in client.get(PAGE, of(business_a)).content.decode()


def test_opening_the_page_changes_nothing(client: Client, staff: User, business_a: Business, make_run: MakeRun) -> None:
    """A stale run stays resettable: staff came to clear it."""
    run = make_run(business_a, "running", silent_for=400)
    client.force_login(staff)
    client.get(PAGE, of(business_a))
    client.get(reverse("admin:runs_business_changelist"))
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_only_stale_spares_runs_with_a_heartbeat(
    client: Client, staff: User, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    living = make_run(business_a, "running")
    dead = make_run(business_b, "running", silent_for=400)
    client.force_login(staff)
    client.post(PAGE, of(business_a, business_b, only_stale="on", reason="stuck"))
    living.refresh_from_db()
    dead.refresh_from_db()
    assert living.status == Status.RUNNING
    assert dead.error_code == ErrorCode.RESET


def test_other_businesses_are_left_alone(
    client: Client, staff: User, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running")
    other = make_run(business_b, "running")
    client.force_login(staff)
    client.post(PAGE, of(business_a, reason="stuck"))
    other.refresh_from_db()
    assert other.status == Status.RUNNING


def test_an_unknown_type_resets_nothing(client: Client, staff: User, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    client.force_login(staff)
    assert client.post(PAGE, of(business_a, types=["nonsense"], reason="stuck")).status_code == 200
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_without_a_business_there_is_nothing_to_show(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.get(PAGE).headers["Location"] == reverse("admin:runs_business_changelist")
    assert client.get(PAGE, {"business": "nonsense"}).status_code == 302


def test_ticked_businesses_lead_to_the_page(
    client: Client, staff: User, business_a: Business, business_b: Business
) -> None:
    client.force_login(staff)
    ticked = {"action": "reset_selected", "_selected_action": [business_a.pk, business_b.pk]}
    response = client.post(reverse("admin:runs_business_changelist"), ticked)
    assert response.headers["Location"] == f"{PAGE}?business={business_a.pk}&business={business_b.pk}"


def test_one_business_has_a_button(client: Client, staff: User, business_a: Business) -> None:
    client.force_login(staff)
    button = reverse("admin:runs_business_reset_one", args=[business_a.pk])
    assert button in client.get(reverse("admin:runs_business_change", args=[business_a.pk])).content.decode()
    assert client.get(button).headers["Location"] == f"{PAGE}?business={business_a.pk}"


def test_staff_without_the_permission_never_see_it(client: Client, helper: User, business_a: Business) -> None:
    client.force_login(helper)
    for page in (
        reverse("admin:runs_business_changelist"),
        reverse("admin:runs_business_change", args=[business_a.pk]),
    ):
        response = client.get(page)
        assert response.status_code == 200
        assert "Reset progress" not in response.content.decode()


def test_staff_without_the_permission_are_refused(
    client: Client, helper: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    client.force_login(helper)
    assert client.get(PAGE, of(business_a)).status_code == 403
    assert client.post(PAGE, of(business_a, reason="please")).status_code == 403
    assert client.get(reverse("admin:runs_business_reset_one", args=[business_a.pk])).status_code == 403
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_members_and_strangers_are_sent_to_the_sign_in(
    client: Client, member_a: User, member_b: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    for user in (None, member_a, member_b):
        if user is not None:
            client.force_login(user)
        response = client.post(PAGE, of(business_a, reason="please"))
        assert response.headers["Location"].startswith("/admin/login/")
    run.refresh_from_db()
    assert run.status == Status.RUNNING

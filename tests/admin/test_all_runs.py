"""The list of all runs in the admin: every type and business, filters, pages of constant cost."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from receipts.models import ReceiptSyncRun
from runs.admin import newest_runs
from runs.models import Business
from runs.states import ErrorCode, Status
from tests.cast import MakeRun
from tests.contract.models import CountingRun

LIST = reverse("admin:runs_allruns_changelist")


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


@pytest.fixture
def five(business_a: Business, make_run: MakeRun) -> list[int]:
    """The ids of finished runs, newest first; one a day."""
    runs = [make_run(business_a, "completed") for _n in range(5)]
    for age, run in enumerate(reversed(runs)):
        CountingRun.objects.filter(pk=run.pk).update(created_at=Now() - timedelta(days=age, hours=1))
    return [run.pk for run in reversed(runs)]


def listed(client: Client, url: str = LIST, **query: Any) -> list[tuple[str, int]]:
    return [(line.run.slug, line.run.pk) for line in client.get(url, query).context["lines"]]


def link(page: str, rel: str) -> str:
    [before] = [part for part in page.split("<a ") if f'rel="{rel}"' in part]
    return LIST + html.unescape(before.split('href="')[1].split('"')[0]).removeprefix(LIST)


def test_runs_of_all_types_and_businesses_are_listed_newest_first(
    as_staff_in_admin: Client, business_a: Business, business_b: Business, make_run: MakeRun, make_sync_run: MakeRun
) -> None:
    first, second, third = make_run(business_a), make_sync_run(business_b), make_run(business_b, "completed")
    assert listed(as_staff_in_admin) == [
        ("counting", third.pk),
        ("receipt_sync", second.pk),
        ("counting", first.pk),
    ]


def test_each_filter_finds_its_runs(
    as_staff_in_admin: Client,
    business_a: Business,
    business_b: Business,
    member_a: User,
    make_run: MakeRun,
    make_sync_run: MakeRun,
) -> None:
    by_member = make_sync_run(business_a, "running", created_by=member_a)
    failed = make_run(business_b, "failed", error_code=ErrorCode.EXCEPTION, error_message="The disk is 100% full")
    other = make_run(business_a, "completed")
    old = make_run(business_a, "cancelled")
    CountingRun.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=40))
    for query, found in {
        "business=business-b": {failed},
        f"business={business_b.pk}": {failed},
        "business=BUSINESS B": {failed},
        "type=receipt_sync": {by_member},
        "status=active": {by_member},
        "status=cancelled": {old},
        "error_code=exception": {failed},
        "error_code=exception&status=completed": set(),
        f"to_date={old.created_at.year - 1}-01-01": set(),
        f"from_date={other.created_at - timedelta(days=2):%Y-%m-%d}": {by_member, failed, other},
        "starter=member-a": {by_member},
        "text=100%25 FULL": {failed},
        "text=mailbox of": {by_member},
        f"text=%23{failed.pk}": {run for run in (by_member, failed, other, old) if run.pk == failed.pk},
        "text=nowhere to be found": set(),
    }.items():
        assert set(listed(as_staff_in_admin, f"{LIST}?{query}")) == {(run.slug, run.pk) for run in found}, query


def test_an_overdue_run_is_found_among_the_failed_at_once(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=400)
    assert listed(as_staff_in_admin, status="running") == []
    assert listed(as_staff_in_admin, error_code="stale") == [("counting", run.pk)]
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_pages_go_back_and_forth_without_gap_or_repeat(
    as_staff_in_admin: Client, five: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest_runs.NewestOfAll, "page_size", 2)
    pages = [as_staff_in_admin.get(LIST)]
    for _n in range(2):
        pages.append(as_staff_in_admin.get(link(pages[-1].content.decode(), "next")))
    assert [[line.run.pk for line in page.context["lines"]] for page in pages] == [five[:2], five[2:4], five[4:]]
    assert pages[-1].context["older"] is None
    back = as_staff_in_admin.get(link(pages[-1].content.decode(), "prev"))
    assert [line.run.pk for line in back.context["lines"]] == five[2:4]


def test_a_search_reads_so_many_rows_and_goes_on_from_there(
    as_staff_in_admin: Client,
    five: list[int],
    make_sync_run: MakeRun,
    business_a: Business,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    CountingRun.objects.filter(pk=five[3]).update(error_message="needle")
    sync = make_sync_run(business_a, "completed", error_message="needle")  # newer than all others
    older = make_sync_run(business_a, "completed", error_message="needle")  # beyond where the first page's search ends
    ReceiptSyncRun.objects.filter(pk=older.pk).update(created_at=Now() - timedelta(days=2, hours=12))
    monkeypatch.setattr(newest_runs, "ROWS_READ", 2)
    found, url, pages = [], f"{LIST}?text=needle", 0
    while url:
        page = as_staff_in_admin.get(url)
        found += [line.run.pk for line in page.context["lines"]]
        url, pages = page.context["older"] or "", pages + 1
        if url:
            assert "Searched as far as" in page.content.decode()
    assert found == [sync.pk, older.pk, five[3]]
    assert pages > 2


def test_hostile_filters_are_answered_with_the_fields_name(as_staff_in_admin: Client, five: list[int]) -> None:
    for name, value in {
        "business": "nobody's",
        "type": "nonsense",
        "status": "stuck'; DROP TABLE x",
        "error_code": "\u202e",
        "from_date": "0001-01-01",
        "to_date": "9999-12-31",
        "starter": "9" * 30,
        "text": "x" * 201,
    }.items():
        response = as_staff_in_admin.get(LIST, {name: value})
        assert response.status_code == 400, name
        assert response.context["form"].errors.keys() == {name}
    for query in ("cursor=nonsense", "cursor=cD0x", "page_size=0", "cursor=%F0%9F%98%80"):
        assert (
            as_staff_in_admin.get(f"{LIST}?{query}&status=completed").headers["Location"].endswith("?status=completed")
        )
    assert listed(as_staff_in_admin, text="9" * 40) == []


def test_staff_see_only_the_types_that_they_may_view(
    client: Client, business_a: Business, make_run: MakeRun, make_sync_run: MakeRun
) -> None:
    make_run(business_a)
    sync = make_sync_run(business_a)
    helper = User.objects.create_user("helper", is_staff=True)
    client.force_login(helper)
    assert client.get(LIST).status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_receiptsyncrun"))
    assert listed(client) == [("receipt_sync", sync.pk)]
    assert client.get(LIST, {"type": "counting"}).status_code == 400
    page = client.get(LIST).content.decode()
    assert reverse("admin:runs_allruns_action", args=["cancel"]) not in page


def test_members_and_strangers_are_sent_to_the_sign_in(client: Client, member_a: User) -> None:
    for address in (LIST, reverse("admin:runs_allruns_action", args=["cancel"])):
        client.logout()
        assert client.get(address).headers["Location"].startswith("/admin/login/")
        client.force_login(member_a)
        assert client.get(address).headers["Location"].startswith("/admin/login/")

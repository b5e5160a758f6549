"""Runs in the admin: repaired, read-only, and with a fixed number of queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from pytest_django import DjangoAssertNumQueries

from broadcasts.models import Recipient, WhatsAppBroadcast
from recordings.models import Call, RecordingRun
from runs.admin import read_only
from runs.admin.run import progress_bar
from runs.models import Business
from runs.states import Status
from tests.cast import MakeRun
from tests.contract.models import CountingRun

LIST = "/admin/contract/countingrun/"


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def listed_ids(client: Client, **query: Any) -> list[int]:
    return [run.pk for run in client.get(LIST, query).context["cl"].result_list]


def test_an_overdue_run_is_never_listed_as_running(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=400)
    page = as_staff_in_admin.get(LIST).content.decode()
    assert "Stuck - no updates" in page
    assert "Working" not in page
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_an_overdue_run_is_listed_among_the_failed_at_once(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=400)
    assert listed_ids(as_staff_in_admin, status__exact="failed") == [run.pk]


def test_an_overdue_run_is_not_active_on_its_own_page(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=400)
    page = as_staff_in_admin.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "The task has not been updated for 6 minutes" in page
    assert "Run marked as failed due to no heartbeat for 40" in page  # in the timeline, with the reader who saw it


def test_businesses_dont_count_overdue_runs_as_active(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running", silent_for=400)
    [row] = as_staff_in_admin.get(reverse("admin:runs_business_changelist")).context["cl"].result_list
    assert (row.active_ - row.stuck_, row.stuck_) == (0, 1)


def test_the_bar_and_the_age_of_the_heartbeat_are_listed(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun, stopped_clock: None
) -> None:
    make_run(business_a, "running", silent_for=12, total=600, processed=220, progress_pct=36.6)
    page = as_staff_in_admin.get(LIST).content.decode()
    assert '<progress max="100" value="36.6" aria-label="progress">' in page
    assert "220 / 600" in page
    assert "12 s ago" in page


@pytest.mark.parametrize(("staleness", "age"), [("fresh", 5), ("quiet", 90), ("stale", 400)])
def test_the_staleness_filter_sorts_runs(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun, staleness: str, age: int
) -> None:
    run = make_run(business_a, "running", silent_for=age)
    for each in ("fresh", "quiet", "stale"):
        assert listed_ids(as_staff_in_admin, staleness=each) == ([run.pk] if each == staleness else [])


def test_declared_silence_is_fresh(as_staff_in_admin: Client, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running", silent_for=90)
    CountingRun.objects.filter(pk=run.pk).update(silent_until=Now() + timedelta(minutes=5))
    assert listed_ids(as_staff_in_admin, staleness="fresh") == [run.pk]


def test_runs_are_found_by_number_and_business(
    as_staff_in_admin: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    a, b = make_run(business_a), make_run(business_b)
    assert listed_ids(as_staff_in_admin, q=a.pk) == [a.pk]
    assert listed_ids(as_staff_in_admin, business__id__exact=business_b.pk) == [b.pk]


def test_failed_items_and_their_reasons_are_shown(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(business_a, "failed", failed_items=2)
    page = as_staff_in_admin.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "Broken 1" in page
    assert "Broken 2" in page
    assert "The first" not in page
    monkeypatch.setattr("runs.admin.run.FAILED_ITEMS_SHOWN", 1)
    page = as_staff_in_admin.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "Broken 2" not in page
    assert "The first 1 are shown" in page


def test_a_completed_run_of_which_something_failed_isnt_listed_as_if_all_went_well(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    flawed = make_run(business_a, "completed", total=30, processed=30, succeeded=27, failed=3)
    uncertain = make_run(business_a, "completed", total=30, processed=30, succeeded=27)
    fine = make_run(business_a, "completed", total=30, processed=30, succeeded=30)
    page = as_staff_in_admin.get(LIST).content.decode()
    assert page.count("Completed with 3 failures") == 1
    lines = as_staff_in_admin.get(reverse("admin:runs_allruns_changelist")).context["lines"]
    badges = {line.run.pk: line.badge for line in lines}
    assert "Completed with 3 failures" in badges[flawed.pk]
    assert "Completed with 3 unknown outcomes" in badges[uncertain.pk]
    assert "Completed with" not in badges[fine.pk]


@pytest.mark.parametrize(("language", "written"), [("en", "Jun 3, 2024, 10:05 PM"), ("he", "3.6.2024, 22:05")])
def test_every_time_is_written_as_the_card_on_the_page_writes_it(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun, language: str, written: str
) -> None:
    moment = datetime(2024, 6, 3, 22, 5, tzinfo=UTC)
    run = make_run(business_a, "failed", **dict.fromkeys(("created_at", "started_at", "finished_at"), moment))
    for path in (LIST, f"{LIST}{run.pk}/change/"):
        page = as_staff_in_admin.get(path, headers={"Accept-Language": language}).content.decode()
        assert written in page
        assert not re.search(r"2024[^<]{1,12}(22|10):05", page.replace(written, ""))  # today's events may be of 10:05


def test_a_run_is_read_only(as_staff_in_admin: Client, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    assert as_staff_in_admin.get(f"{LIST}add/").status_code == 403
    assert as_staff_in_admin.post(f"{LIST}{run.pk}/change/", {"status": "completed"}).status_code == 403
    assert as_staff_in_admin.post(f"{LIST}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    as_staff_in_admin.post(LIST, {"action": "delete_selected", "_selected_action": run.pk, "post": "yes"})
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_an_unknown_run_is_reported_as_missing(as_staff_in_admin: Client) -> None:
    assert as_staff_in_admin.get(f"{LIST}999/change/").status_code == 302


def test_a_list_counts_no_more_rows_than_it_pages(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _n in range(3):
        make_run(business_a, "failed")
    monkeypatch.setattr(read_only, "MOST_COUNTED", 2)
    assert as_staff_in_admin.get(LIST).context["cl"].result_count == 2


def test_a_business_leads_to_its_pages_and_runs(as_staff_in_admin: Client, business_a: Business) -> None:
    page = as_staff_in_admin.get(reverse("admin:runs_business_change", args=[business_a.pk])).content.decode()
    for action, address in (
        ("open_pages", "/b/business-a/"),
        ("list_runs", f"/admin/runs/allruns/?business={business_a.pk}"),
    ):
        button = reverse(f"admin:runs_business_{action}", args=[business_a.pk])
        assert button in page
        assert as_staff_in_admin.get(button).headers["Location"] == address


def test_long_lists_need_as_many_queries_as_short_ones(
    as_staff_in_admin: Client,
    business_a: Business,
    make_run: MakeRun,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_run(business_a, "failed")
    for page in (LIST, reverse("admin:runs_business_changelist"), "/admin/receipts/mailbox/"):
        as_staff_in_admin.get(page)  # content types are read once
        price = _count_queries(as_staff_in_admin, page)
        for n in range(4):
            business = Business.objects.create(name=str(n), slug=f"{page.split('/')[-2]}-{n}")
            make_run(business, "failed")
        with django_assert_num_queries(price):
            as_staff_in_admin.get(page)


def _count_queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return len(queries)


def test_the_percents_of_a_bar_are_written_as_the_language_does(business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running", total=600, processed=220, progress_pct=36.6)
    with translation.override("de"):
        bar = progress_bar(run)
    assert 'value="36.6"' in bar
    assert "36,6%" in bar


def test_the_speed_of_a_slow_run_isnt_zero(as_staff_in_admin: Client, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running", rate=0.0123)
    page = as_staff_in_admin.get(f"{LIST}{run.pk}/change/")
    facts = dict(fact for _, group in page.context["facts"] for fact in group)
    assert facts["Items a second"] == "0.012"


@pytest.mark.parametrize("model", [Call, Recipient, RecordingRun, WhatsAppBroadcast])
def test_every_column_that_staff_see_has_a_translated_name(model: type[Model], rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User(is_staff=True, is_superuser=True)
    fieldsets = admin.site._registry[model].get_fieldsets(request)
    shown = {name for _title, options in fieldsets for name in options["fields"]}
    fields = [field for field in model._meta.fields if field.name in shown]
    assert fields
    assert [field.name for field in fields if not isinstance(field.verbose_name, Promise)] == []

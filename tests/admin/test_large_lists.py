"""Lists of the admin cost the same beside a long history and many businesses."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from runs.admin.business_filter import MOST
from runs.admin.read_only import MOST_COUNTED
from runs.models import Business, RunLimit
from tests.cast import MakeRun
from tests.contract.models import CountingRun

LIST = "/admin/contract/countingrun/"
OF_BUSINESSES = [
    model for model in admin.site._registry if any(field.name == "business" for field in model._meta.fields)
]


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_a_list_of_runs_counts_no_more_than_it_can_show(
    as_staff_in_admin: Client, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a)
    with CaptureQueriesContext(connection) as queries:
        assert as_staff_in_admin.get(LIST).status_code == 200
    table = CountingRun._meta.db_table
    counts = [each["sql"] for each in queries if "COUNT(" in each["sql"] and f'FROM "{table}"' in each["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {MOST_COUNTED}) subquery" in counts[0]


def test_many_businesses_arent_offered_as_filters_and_links_to_one_still_work(
    as_staff_in_admin: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    make_run(business_a)
    mine = make_run(business_b)
    link = f"?business__id__exact={business_a.pk}"
    assert link in as_staff_in_admin.get(LIST).content.decode()
    Business.objects.bulk_create(Business(name=f"Business {n}", slug=f"business-{n}") for n in range(MOST))
    page = as_staff_in_admin.get(LIST)
    assert link not in page.content.decode()
    found = as_staff_in_admin.get(LIST, {"business__id__exact": business_b.pk}).context["cl"].result_list
    assert [run.pk for run in found] == [mine.pk]


@pytest.mark.parametrize("model", OF_BUSINESSES)
def test_no_list_offers_many_businesses(as_staff_in_admin: Client, db: None, model: type[models.Model]) -> None:
    Business.objects.bulk_create(Business(name=f"Business {n}", slug=f"business-{n}") for n in range(MOST + 1))
    page = as_staff_in_admin.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
    assert page.status_code == 200
    assert "business__id__exact" not in page.content.decode()


def test_limits_of_all_businesses_together_can_be_chosen_among_many(
    as_staff_in_admin: Client, business_a: Business
) -> None:
    Business.objects.bulk_create(Business(name=f"Business {n}", slug=f"business-{n}") for n in range(MOST + 1))
    RunLimit.objects.create(business=business_a, max_running=1)
    of_all = RunLimit.objects.create(max_running=9)
    page = as_staff_in_admin.get(reverse("admin:runs_runlimit_changelist"), {"business__isnull": "True"})
    assert list(page.context["cl"].result_list) == [of_all]

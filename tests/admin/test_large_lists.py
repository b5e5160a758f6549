"""Lists of the admin cost the same beside a long history and many businesses."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from runs.admin.business_filter import MOST
from runs.admin.read_only import MOST_COUNTED
from runs.models import Business
from tests.cast import MakeRun
from tests.contract.models import CountingRun

LIST = "/admin/contract/countingrun/"


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

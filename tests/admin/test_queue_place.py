"""Staff see what a queued run waits for, at a fixed price."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from runs.models import Business, RunLimit
from tests.cast import MakeRun
from tests.contract.models import CountingRun
from tests.fleet import announce

LIST = "/admin/contract/countingrun/"


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_the_list_and_the_run_s_page_say_what_it_waits_for(
    as_staff_in_admin: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    announce("worker@test", CountingRun.queue, slots=0)
    for business in (business_a, business_b):
        run = make_run(business)
    for page in (LIST, f"{LIST}{run.pk}/change/"):
        assert "Place 2 in the queue." in as_staff_in_admin.get(page).content.decode()
    RunLimit.objects.create(max_running=0)
    for page in (LIST, f"{LIST}{run.pk}/change/"):
        assert "It is held back in the queue." in as_staff_in_admin.get(page).content.decode()


def test_the_list_costs_the_same_however_many_are_queued(
    as_staff_in_admin: Client, make_run: MakeRun, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def queue_for_another_business(number: int) -> None:
        make_run(Business.objects.create(name=str(number), slug=f"business-{number}"))

    queue_for_another_business(0)
    as_staff_in_admin.get(LIST)  # content types are read once
    with CaptureQueriesContext(connection) as queries:
        as_staff_in_admin.get(LIST)
    for number in range(1, 6):
        queue_for_another_business(number)
    with django_assert_num_queries(len(queries)):
        as_staff_in_admin.get(LIST)

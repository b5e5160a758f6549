"""The workers in the admin: who is alive by the database's clock, and only lost ones can be deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from runs.models import Worker
from tests.fleet import announce

pytestmark = pytest.mark.django_db

LIST = "/admin/runs/worker/"


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


@pytest.mark.usefixtures("stopped_clock")
def test_each_is_listed_with_what_it_announced(as_staff_in_admin: Client) -> None:
    announce("worker@one", "receipts", "drill", slots=3, seconds_ago=12)
    Worker.objects.update(host="machine-7", version="1.4-rc")
    page = as_staff_in_admin.get(LIST).content.decode()
    assert re.search(r"\b12 s ago", page)
    for text in ("worker@one", "machine-7", "receipts, drill", "1.4-rc", "alive"):
        assert text in page
    assert "lost" not in page


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("seconds_ago", "state"), [(44.9, "alive"), (45.1, "lost")])
def test_one_that_announced_itself_too_long_ago_is_lost(
    as_staff_in_admin: Client, seconds_ago: float, state: str
) -> None:
    worker = announce("worker@test", "drill", seconds_ago=seconds_ago)
    for page in (LIST, f"{LIST}{worker.pk}/change/"):
        text = as_staff_in_admin.get(page).content.decode()
        assert [each for each in ("alive", "lost") if each in text] == [state]


def test_nobody_adds_or_changes_one(as_staff_in_admin: Client) -> None:
    worker = announce("worker@test", "drill")
    assert as_staff_in_admin.get(f"{LIST}add/").status_code == 403
    assert as_staff_in_admin.post(f"{LIST}{worker.pk}/change/", {"slots": 9}).status_code == 403
    assert Worker.objects.get().slots == 1


def delete(client: Client, worker: Worker) -> Any:
    return client.post(f"{LIST}{worker.pk}/delete/", {"post": "yes"})


def test_a_lost_one_can_be_deleted_and_one_that_is_alive_not(as_staff_in_admin: Client) -> None:
    alive, lost = announce("alive", "drill"), announce("lost", "drill", seconds_ago=46)
    assert delete(as_staff_in_admin, alive).status_code == 403
    assert delete(as_staff_in_admin, lost).status_code == 302
    assert list(Worker.objects.values_list("name", flat=True)) == ["alive"]


def test_of_many_that_are_chosen_none_that_is_alive_is_deleted(as_staff_in_admin: Client) -> None:
    alive, *lost = announce("alive", "drill"), *(announce(name, "drill", seconds_ago=46) for name in ("one", "two"))

    def delete_selected(*chosen: Worker) -> None:
        names = [worker.pk for worker in chosen]
        as_staff_in_admin.post(LIST, {"action": "delete_selected", "_selected_action": names, "post": "yes"})

    delete_selected(alive, *lost)
    assert Worker.objects.count() == 3
    delete_selected(*lost)
    assert list(Worker.objects.values_list("name", flat=True)) == ["alive"]


def test_staff_who_may_only_look_delete_none(client: Client) -> None:
    lost = announce("worker@test", "drill", seconds_ago=46)
    user = User.objects.create_user("helper", is_staff=True)
    client.force_login(user)
    assert client.get(LIST).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_worker"))
    assert client.get(f"{LIST}{lost.pk}/change/").status_code == 200
    assert delete(client, lost).status_code == 403
    assert Worker.objects.exists()

"""Too many attempts are refused with the wait, whichever process responds; successes are never limited."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from runs.lifecycle.sweep import sweep
from runs.models import Business, Throttle
from runs.throttling import return_permit, take_permit_or_get_wait
from tests.cast import PASSWORD
from tests.whatsapp import create_account

LOGIN = "/api/auth/login/"
BROADCASTS = "/api/whatsapp/broadcasts/"
PREVIEW = f"{BROADCASTS}preview/"

SignIn = Callable[[str, str], Any]


@pytest.fixture
def rates(settings: Settings) -> Callable[..., None]:
    """`rates(login="3/hour")`"""

    def set_rates(**changed: str | None) -> None:
        framework = settings.REST_FRAMEWORK
        all_rates = {**framework["DEFAULT_THROTTLE_RATES"], **changed}
        settings.REST_FRAMEWORK = {**framework, "DEFAULT_THROTTLE_RATES": all_rates}

    return set_rates


def api(username: str, password: str, address: str = "127.0.0.1") -> Any:
    return APIClient(REMOTE_ADDR=address).post(LOGIN, {"username": username, "password": password})


def page(username: str, password: str) -> Any:
    return Client().post("/login/", {"username": username, "password": password})


def admin(username: str, password: str) -> Any:
    return Client().post("/admin/login/", {"username": username, "password": password})


def let_time_pass(seconds: int) -> None:
    """Let so much time pass."""
    Throttle.objects.update(paid_at=F("paid_at") - timedelta(seconds=seconds))


# Signing in


@pytest.mark.usefixtures("stopped_clock")
def test_one_password_tried_on_many_names_is_stopped_by_default(member_a: User) -> None:
    answers = [api(f"name-{number}", "Summer2026!") for number in range(61)]
    assert {response.status_code for response in answers[:60]} == {401}
    assert answers[60].status_code == 429
    assert answers[60].json()["errors"][0]["code"] == "throttled"
    assert answers[60].headers["Retry-After"] == "60"
    assert api("member-a", PASSWORD).status_code == 429
    assert api("member-a", PASSWORD, "198.51.100.7").status_code == 200
    let_time_pass(60)
    assert api("member-a", PASSWORD).status_code == 200


@pytest.mark.parametrize("sign_in", [api, page, admin])
@pytest.mark.usefixtures("stopped_clock")
def test_every_way_to_sign_in_is_limited(rates: Callable[..., None], staff: User, sign_in: SignIn) -> None:
    rates(login="3/hour")
    for number, other in enumerate((api, page, admin)):
        assert other(f"name-{number}", "wrong").status_code in (200, 401)
    answer = sign_in("staff", PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1200"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("sign_in", [api, page, admin])
def test_a_successful_sign_in_isnt_counted(rates: Callable[..., None], staff: User, sign_in: SignIn) -> None:
    rates(login="1/hour")
    assert [sign_in("staff", PASSWORD).status_code for _ in range(3)] in ([200] * 3, [302] * 3)


def test_the_lockout_of_a_name_says_when_to_come_again(staff: User) -> None:
    answers = {sign_in: [sign_in("staff", "wrong") for _ in range(11)][-1] for sign_in in (api, page, admin)}
    assert [answer.status_code for answer in answers.values()] == [429] * 3
    assert [answer.headers["Retry-After"] for answer in answers.values()] == ["900"] * 3
    assert "Too many attempts" in answers[page].content.decode()


# Previews


@pytest.mark.usefixtures("stopped_clock")
def test_previews_are_limited_by_user(
    rates: Callable[..., None], as_member_a: APIClient, as_member_b: APIClient, business_a: Business
) -> None:
    rates(preview="2/minute")
    create_account(business_a)
    body = {"business": business_a.pk, "text": "Hello", "numbers": "050-2000000"}
    answers = [as_member_a.post(PREVIEW, body) for _ in range(3)]
    assert [response.status_code for response in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "30"
    assert answers[2].json()["errors"][0]["detail"].startswith("Too many attempts. Try again in")
    assert as_member_b.post(PREVIEW, body).status_code == 404  # it is a stranger's business, and not too often


def test_starts_of_broadcasts_are_limited_together_with_previews(
    rates: Callable[..., None], as_member_a: APIClient, business_a: Business
) -> None:
    rates(preview="2/minute")
    create_account(business_a)
    body = {"business": business_a.pk, "name": "Sale", "text": "Hello", "numbers": "050-2000000"}
    assert [as_member_a.post(url, body).status_code for url in (PREVIEW, BROADCASTS, BROADCASTS)] == [200, 202, 429]


# The rule


@pytest.mark.usefixtures("stopped_clock")
def test_permits_come_back_with_time_up_to_the_rate(rates: Callable[..., None], db: None) -> None:
    rates(login="3/hour")
    assert [take_permit_or_get_wait("login", "x") for _ in range(4)] == [None, None, None, 1200]
    let_time_pass(1200)
    assert [take_permit_or_get_wait("login", "x") for _ in range(2)] == [None, 1200]
    let_time_pass(100_000)
    assert [take_permit_or_get_wait("login", "x") for _ in range(4)].count(None) == 3


def test_a_permit_that_is_returned_can_be_taken_again(rates: Callable[..., None], db: None) -> None:
    rates(login="1/day")
    assert take_permit_or_get_wait("login", "x") is None
    return_permit("login", "x")
    assert take_permit_or_get_wait("login", "x") is None
    assert take_permit_or_get_wait("login", "x") is not None


def test_callers_and_scopes_are_counted_apart(rates: Callable[..., None], db: None) -> None:
    rates(login="1/day", preview="1/day")
    assert [take_permit_or_get_wait(*each) for each in (("login", "x"), ("login", "y"), ("preview", "x"))] == [None] * 3


def test_without_a_rate_nothing_is_counted(rates: Callable[..., None], db: None) -> None:
    rates(login=None)
    assert [take_permit_or_get_wait("login", "x") for _ in range(3)] == [None] * 3
    assert not Throttle.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_no_more_than_the_rate(rates: Callable[..., None]) -> None:
    """Each thread has a connection of its own, as each process has."""
    rates(login="10/hour")

    def take(number: int) -> int | None:
        try:
            return take_permit_or_get_wait("login", "x")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(take, range(40)))
    assert taken.count(None) == 10


def test_the_sweep_deletes_rows_that_have_all_their_permits(rates: Callable[..., None], db: None) -> None:
    rates(login="1/hour", preview="1/day")
    take_permit_or_get_wait("login", "x")
    take_permit_or_get_wait("preview", "x")
    let_time_pass(3600)
    sweep()
    assert list(Throttle.objects.values_list("key", flat=True)) == ["preview x"]

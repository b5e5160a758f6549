"""Signing out everywhere ends every token and every session of the caller, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tests.cast import client_of

LOGOUT = "/api/auth/logout/"
BUSINESSES = "/api/businesses/"


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def by_token(user: User) -> Any:
    return client_of(user).post(LOGOUT, {"all": True})


def by_session(user: User) -> Any:
    return browser_of(user).post(LOGOUT, {"all": True}, "application/json")


def by_page(user: User) -> Any:
    return browser_of(user).post("/logout/", {"all": "1"})


@pytest.mark.parametrize(("sign_out", "status"), [(by_token, 204), (by_session, 204), (by_page, 302)])
def test_it_ends_all_of_the_callers_sessions_and_tokens_only(
    member_a: User, member_b: User, sign_out: Callable[[User], Any], status: int
) -> None:
    own = [client_of(member_a), client_of(member_a), browser_of(member_a), browser_of(member_a)]
    others = [client_of(member_b), browser_of(member_b)]
    assert sign_out(member_a).status_code == status
    assert [each.get(BUSINESSES).status_code for each in own] == [401] * 4
    assert [each.get(BUSINESSES).status_code for each in others] == [200] * 2


@pytest.mark.parametrize("body", [None, {}, {"all": False}])
def test_without_all_only_the_callers_token_ends(member_a: User, as_member_a: APIClient, body: Any) -> None:
    other, browser = client_of(member_a), browser_of(member_a)
    assert as_member_a.post(LOGOUT, body).status_code == 204
    assert as_member_a.get(BUSINESSES).status_code == 401
    assert [each.get(BUSINESSES).status_code for each in (other, browser)] == [200, 200]


@pytest.mark.parametrize("value", [None, "perhaps", [], {}])
def test_an_invalid_all_ends_nothing(as_member_a: APIClient, value: Any) -> None:
    response = as_member_a.post(LOGOUT, {"all": value})
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "all")
    assert as_member_a.get(BUSINESSES).status_code == 200

"""Bearer tokens: created, used and deleted."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.cast import PASSWORD

LOGIN = "/api/auth/login/"


def login(username: str, password: str) -> Any:
    return APIClient().post(LOGIN, {"username": username, "password": password})


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_name_and_password_give_a_token_that_works(member_a: User) -> None:
    response = login("member-a", PASSWORD).json()
    assert set(response) == {"token", "expiry"}
    assert with_token(response["token"]).get("/api/businesses/").status_code == 200


def test_only_a_hash_of_the_token_is_stored(member_a: User) -> None:
    token = login("member-a", PASSWORD).json()["token"]
    assert not AuthToken.objects.filter(digest=token).exists()


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(member_a: User) -> None:
    wrong, unknown = login("member-a", "wrong"), login("nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert wrong.json()["errors"][0]["code"] == "wrong_credentials"
    assert wrong.headers["WWW-Authenticate"] == "Bearer"


def test_an_inactive_user_gets_no_token(member_a: User) -> None:
    User.objects.update(is_active=False)
    assert login("member-a", PASSWORD).status_code == 401


def test_many_wrong_guesses_lock_the_guesser_out_in_json(member_a: User) -> None:
    answers = [login("member-a", "wrong") for _ in range(11)]
    assert answers[-1].status_code == 429
    assert answers[-1].json()["errors"][0]["code"] == "locked_out"
    assert login("member-a", PASSWORD).status_code == 429


def test_an_expired_token_does_not_hinder_a_new_login(member_a: User) -> None:
    body = {"username": "member-a", "password": PASSWORD}
    assert with_token("0" * 64).post(LOGIN, body).status_code == 200


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", ["", None, "\x00", ["x"], {"x": 1}, "x" * 2000])
def test_a_malformed_login_names_the_field(db: None, field: str, value: Any) -> None:
    body = {"username": "someone", "password": "something", field: value}
    response = APIClient().post(LOGIN, body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == field


def test_logout_deletes_the_token(as_member_a: APIClient) -> None:
    assert as_member_a.post("/api/auth/logout/").status_code == 204
    assert as_member_a.get("/api/businesses/").status_code == 401


def test_logout_ends_a_browsers_session(member_a: User) -> None:
    client = Client()
    client.force_login(member_a)
    assert client.post("/api/auth/logout/").status_code == 204
    assert client.get("/api/businesses/").status_code == 401


def test_an_expired_token_is_refused(member_a: User) -> None:
    _kept, token = AuthToken.objects.create(member_a)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert with_token(token).get("/api/businesses/").status_code == 401
    assert login("member-a", PASSWORD).status_code == 200  # which deletes it
    assert AuthToken.objects.count() == 1


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer \xff\xfe", "Bearer a\x00b", f"Bearer {'a' * 64}", "Basic eDp5"]
)
def test_an_invalid_token_is_401(db: None, header: str) -> None:
    response = APIClient().get("/api/businesses/", HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_session_needs_its_csrf_token(member_a: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(member_a)
    response = client.post("/api/auth/logout/")
    assert response.status_code == 403
    assert response.json()["type"] == "client_error"
    assert client.get("/api/businesses/").status_code == 200


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_an_endless_user_name_is_a_wrong_one(db: None, path: str) -> None:
    """It is written down with the failed attempts, where 255 characters of it have room."""
    response = Client().post(path, {"username": "x" * 5000, "password": "x"}, headers={"User-Agent": "x" * 5000})
    assert response.status_code == 200
    assert AccessAttempt.objects.get().username == "x" * 255

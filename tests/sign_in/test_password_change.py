"""A changed password ends every token and every other session, wherever it was changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from knox.models import AuthToken
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.cast import PASSWORD, client_of

NEW = "a-much-better-one-7"
ACCOUNT = "/account/"
PASSWORD_API = "/api/auth/password/"
BUSINESSES = "/api/businesses/"


@pytest.fixture
def as_a(client: Client, member_a: User) -> Client:
    client.force_login(member_a)
    return client


def page_form(old: str = PASSWORD, new: str = NEW, again: str = "") -> dict[str, str]:
    return {"old_password": old, "new_password1": new, "new_password2": again or new}


def by_page(user: User) -> None:
    browser = Client()
    browser.force_login(user)
    assert browser.post(ACCOUNT, page_form()).status_code == 302


def by_api(user: User) -> None:
    body = {"password": PASSWORD, "new_password": NEW}
    assert client_of(user).post(PASSWORD_API, body).status_code == 204


def by_staff(user: User) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("chief"))
    form = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"}
    assert browser.post(f"/admin/auth/user/{user.pk}/password/", form).status_code == 302


def by_staff_who_disables_it(user: User) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("chief"))
    form = {"usable_password": "false", "password1": "", "password2": "", "unset-password": "1"}
    assert browser.post(f"/admin/auth/user/{user.pk}/password/", form).status_code == 302
    assert not User.objects.get(pk=user.pk).has_usable_password()


def by_command(user: User) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.contrib.auth.management.commands.changepassword.getpass.getpass", lambda prompt: NEW)
        call_command("changepassword", user.username, verbosity=0)


def by_hand(user: User) -> None:
    user.password = make_password(NEW)
    user.save()


@pytest.mark.parametrize("change", [by_page, by_api, by_staff, by_staff_who_disables_it, by_command, by_hand])
def test_tokens_and_sessions_end_with_it(member_a: User, member_b: User, change: Callable[[User], None]) -> None:
    program, browser, another = client_of(member_a), Client(), client_of(member_b)
    browser.force_login(member_a)
    change(User.objects.get(pk=member_a.pk))
    assert program.get(BUSINESSES).status_code == 401
    assert browser.get(BUSINESSES).status_code == 401
    assert another.get(BUSINESSES).status_code == 200
    assert not AuthToken.objects.filter(user=member_a).exists()


def test_the_new_password_opens_and_the_old_one_doesnt(as_a: Client) -> None:
    as_a.post(ACCOUNT, page_form())
    statuses = [
        APIClient().post("/api/auth/login/", {"username": "member-a", "password": password}).status_code
        for password in (NEW, PASSWORD)
    ]
    assert statuses == [200, 401]


def test_other_changes_of_the_user_end_nothing(member_a: User) -> None:
    program = client_of(member_a)
    member_a.first_name = "Dana"
    member_a.save()
    member_a.save(update_fields=["first_name"])
    assert program.get(BUSINESSES).status_code == 200


def test_a_rehash_at_a_sign_in_ends_nothing(member_a: User, settings: Settings) -> None:
    program, before = client_of(member_a), member_a.password
    hashers = "django.contrib.auth.hashers."
    settings.PASSWORD_HASHERS = [f"{hashers}PBKDF2SHA1PasswordHasher", f"{hashers}MD5PasswordHasher"]
    assert Client().post("/login/", {"username": "member-a", "password": PASSWORD}).status_code == 302
    assert User.objects.get(pk=member_a.pk).password != before
    assert program.get(BUSINESSES).status_code == 200


def test_a_password_that_changes_during_a_sign_in_leaves_no_token(
    member_a: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one was valid when it was checked, and isn't when the token is created."""

    def authenticate_and_change(*args: Any, **credentials: Any) -> Any:
        user = authenticate(*args, **credentials)
        by_hand(User.objects.get(pk=member_a.pk))
        return user

    monkeypatch.setattr("runs.api.auth.authenticate", authenticate_and_change)
    response = APIClient().post("/api/auth/login/", {"username": "member-a", "password": PASSWORD})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (401, "wrong_credentials")
    assert not AuthToken.objects.exists()


# The page


def test_a_change_on_the_page_leaves_its_browser_signed_in(as_a: Client) -> None:
    response = as_a.post(ACCOUNT, page_form(), follow=True)
    assert "Your password was changed." in response.content.decode()
    assert as_a.get(BUSINESSES).status_code == 200


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (page_form(old="wrong"), "This isn&#x27;t your current password."),
        (page_form(again="another"), "didn’t match"),
        (page_form(new="12345678"), "too common"),
        (page_form(new="member-a"), "too similar"),
        ({}, "This field is required."),
    ],
)
def test_errors_are_shown_beside_their_fields(as_a: Client, form: dict[str, str], words: str) -> None:
    response = as_a.post(ACCOUNT, form)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert User.objects.get(username="member-a").check_password(PASSWORD)


def test_a_stranger_is_sent_to_the_sign_in(client: Client) -> None:
    assert client.get(ACCOUNT).headers["Location"] == f"/login/?next={ACCOUNT}"


def test_the_admins_link_leads_to_the_same_page(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.get("/admin/password_change/").headers["Location"] == ACCOUNT
    assert client.get(ACCOUNT).status_code == 200


def test_guesses_of_the_current_password_are_limited(as_a: Client, as_member_a: APIClient, settings: Settings) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "login": "2/hour"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    assert as_a.post(ACCOUNT, page_form(old="guess")).status_code == 200
    assert as_member_a.post(PASSWORD_API, {"password": "guess", "new_password": NEW}).status_code == 400
    for response in (
        as_a.post(ACCOUNT, page_form()),
        as_member_a.post(PASSWORD_API, {"password": PASSWORD, "new_password": NEW}),
    ):
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 1700


# The API


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"password": "wrong", "new_password": NEW}, "password", "wrong_password"),
        ({"password": PASSWORD, "new_password": "12345"}, "new_password", "password_too_short"),
        ({"password": PASSWORD, "new_password": "member-a"}, "new_password", "password_too_similar"),
        ({"password": PASSWORD}, "new_password", "required"),
        ({"password": PASSWORD, "new_password": "\x00" * 12}, "new_password", "null_characters_not_allowed"),
        ({"password": PASSWORD, "new_password": "x" * 1001}, "new_password", "max_length"),
    ],
)
def test_the_api_names_the_field_that_is_wrong(
    as_member_a: APIClient, body: dict[str, str], field: str, code: str
) -> None:
    response = as_member_a.post(PASSWORD_API, body)
    assert response.status_code == 400
    assert (field, code) in [(error["attr"], error["code"]) for error in response.json()["errors"]]
    assert as_member_a.get(BUSINESSES).status_code == 200


def test_a_session_that_changes_it_by_the_api_stays(as_a: Client) -> None:
    response = as_a.post(PASSWORD_API, {"password": PASSWORD, "new_password": NEW}, "application/json")
    assert response.status_code == 204
    assert as_a.get(BUSINESSES).status_code == 200


def test_a_stranger_changes_nothing(anonymous: APIClient, db: None) -> None:
    assert anonymous.post(PASSWORD_API, {"password": PASSWORD, "new_password": NEW}).status_code == 401

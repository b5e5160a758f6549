"""Wrong guesses lock out the address that they come from: not the member elsewhere, nor an address of its choice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client, RequestFactory
from pytest_django import Settings

from runs.sign_in.address import client_address
from tests.api.test_caches import nginx
from tests.cast import PASSWORD
from tests.servers import production, server

GUESSES = 10
LOGIN = "/api/auth/login/"


def request(peer: str, forwarded: str = "") -> HttpRequest:
    return RequestFactory(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded).get("/")


# Through a real nginx


@pytest.fixture(
    params=[
        pytest.param({}, id="as shipped"),
        pytest.param({"X-Forwarded-For $remote_addr": "X-Forwarded-For $proxy_add_x_forwarded_for"}, id="appending"),
    ]
)
def proxied(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    static = tmp_path / "static"
    environment = {
        **production(static),
        "DJANGO_SETTINGS_MODULE": "tests.sign_in_settings",
        "BEHIND_TLS_PROXY": "true",
    }
    with (
        server(tmp_path / "wsgi", environment, interface="wsgi") as wsgi,
        nginx(tmp_path, static, wsgi, wsgi, request.param) as url,
    ):
        yield url


@pytest.mark.needs("nginx")
@pytest.mark.django_db(transaction=True)
def test_clients_behind_nginx_are_distinguished_and_cannot_pose_as_another(proxied: str, member_a: User) -> None:
    with _client_at("127.0.0.2") as guesser, _client_at("127.0.0.3") as member:
        spoofed = ({"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.{number}"} for number in count(1))
        statuses = [_sign_in(guesser, proxied, "wrong", next(spoofed)) for _ in range(GUESSES + 1)]
        assert statuses[: GUESSES - 1] == [401] * (GUESSES - 1)
        assert statuses[-1] == 429
        assert _sign_in(guesser, proxied, PASSWORD, next(spoofed)) == 429
        assert _sign_in(member, proxied, PASSWORD, {}) == 200


def _client_at(address: str) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=30)


def _sign_in(client: httpx.Client, url: str, password: str, headers: dict[str, str]) -> int:
    credentials = {"username": "member-a", "password": password}
    return client.post(f"{url}{LOGIN}", json=credentials, headers=headers).status_code


# Without a proxy


def test_a_header_is_ignored_without_a_proxy(client: Client, member_a: User) -> None:
    def sign_in(password: str, **headers: Any) -> int:
        credentials = {"username": "member-a", "password": password}
        return client.post(LOGIN, credentials, "application/json", **headers).status_code

    for number in range(GUESSES):
        sign_in("wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert sign_in(PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.99") == 429
    assert sign_in(PASSWORD, REMOTE_ADDR="198.51.100.1") == 200


def test_the_log_names_the_address_that_counts(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/nowhere/", HTTP_X_FORWARDED_FOR="8.8.8.8")
    named = [record.msg["ip"] for record in caplog.records if isinstance(record.msg, dict) and "ip" in record.msg]
    assert set(named) == {"127.0.0.1"}


# The rule


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6,10.0.0.9", "10.0.0.9"),  # a client in our own network
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),  # past the proxy
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7,", "10.0.0.1"),
        ("10.0.0.1", "9" * 100_000, "10.0.0.1"),
        ("", "203.0.113.7", "203.0.113.7"),  # by a socket of this machine
        ("", "", None),
        ("fe80::1%eth0", "", "fe80::"),
    ],
)
def test_behind_one_proxy_the_last_address_counts(
    settings: Settings, peer: str, forwarded: str, seen: str | None
) -> None:
    settings.PROXY_COUNT = 1
    assert client_address(request(peer, forwarded)) == seen


def test_behind_two_proxies_the_last_but_one_counts(settings: Settings) -> None:
    settings.PROXY_COUNT = 2
    assert client_address(request("10.0.0.1", "6.6.6.6, 203.0.113.7, 10.0.0.2")) == "203.0.113.7"
    assert client_address(request("10.0.0.1", "10.0.0.2")) == "10.0.0.2"


def test_a_proxy_elsewhere_must_be_named(settings: Settings) -> None:
    settings.PROXY_COUNT, settings.TRUSTED_PROXIES = 1, ["203.0.113.0/24"]
    assert client_address(request("203.0.113.9", "198.51.100.1")) == "198.51.100.1"
    assert client_address(request("10.0.0.1", "198.51.100.1")) == "10.0.0.1"

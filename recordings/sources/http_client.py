"""The only way to a provider's servers: its own hosts, over TLS, at public addresses, within time."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected

from . import BadRequest, Busy, Interrupted, Unconnected

MAX_REDIRECTS: Final = 3
LONGEST_WAIT: Final = 3600.0  # seconds, whatever the provider asks for
USUAL_WAIT: Final = 10.0


class Door:
    """Requests to `base` bear the credentials; what it redirects to must be among `hosts` and gets none.

    A host that begins with a dot stands for all within that domain.
    """

    def __init__(self, base: str, hosts: Collection[str], auth: tuple[str, str]) -> None:
        self._base = httpx.URL(base)
        self._hosts = hosts
        self._auth = httpx.BasicAuth(*auth)
        self._client = httpx.Client(timeout=settings.RECORDINGS_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @contextmanager
    def opened(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A good answer, its body not yet read. Raises `ItemFailed`, `RunRejected`, `Busy`, `Interrupted`."""
        request = self._client.build_request("GET", url, params=params, headers=headers)
        for _hop in range(MAX_REDIRECTS + 1):
            self._check(request.url)
            response = self._sent(request)
            try:
                if response.next_request is None:
                    self._check_status(response)
                    with _transport_errors():
                        yield response
                    return
                # A new request, so that nothing but what was asked for goes along: above all no credentials.
                request = self._client.build_request("GET", response.next_request.url, headers=headers)
            finally:
                response.close()
        raise ItemFailed(_("The provider redirects in a circle."), code="redirected")

    def _sent(self, request: httpx.Request) -> httpx.Response:
        auth = self._auth if self._is_ours(request.url) else None
        with _transport_errors():
            return self._client.send(request, auth=auth, stream=True)

    def _is_ours(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)

    def _check(self, url: httpx.URL) -> None:
        """Raises `ItemFailed` for a place where no recording of this provider's can be."""
        known = self._is_ours(url) or any(
            url.host.endswith(host) if host.startswith(".") else url.host == host for host in self._hosts
        )
        private = settings.RECORDINGS_ALLOW_PRIVATE_HOSTS
        if not known or not (url.scheme == "https" or private):
            raise ItemFailed(
                _("The provider sends us to %(host)s, where we don't go.") % {"host": url.host}, code="foreign_host"
            )
        if not private and not all(ipaddress.ip_address(address).is_global for address in _addresses(url)):
            raise ItemFailed(
                _("The provider's host %(host)s has a private address.") % {"host": url.host}, code="foreign_host"
            )

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and self._is_ours(response.url):
            raise RunRejected(_("The provider doesn't accept the account and its token. Staff can correct them."))
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise ItemFailed(_("The provider no longer has this recording."), code="gone")
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers
        ):
            raise Busy(_seconds_to_wait(response.headers.get("Retry-After", "")))
        kind = BadRequest if status == HTTPStatus.BAD_REQUEST else Interrupted
        raise kind(_("The provider answered with an error (%(status)d).") % {"status": status})


@contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unconnected(_("The provider can't be reached.")) from error
    except httpx.TimeoutException as error:
        raise Interrupted(_("The provider has stopped sending.")) from error
    except httpx.HTTPError as error:
        raise Interrupted(_("The connection to the provider broke.")) from error


def _addresses(url: httpx.URL) -> list[str]:
    try:
        found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unconnected(_("The provider's address can't be found.")) from error
    return [str(entry[4][0]) for entry in found]


def _seconds_to_wait(header: str) -> float:
    """Of `Retry-After`: seconds, or a date."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            seconds = USUAL_WAIT
    return min(LONGEST_WAIT, max(1.0, seconds))

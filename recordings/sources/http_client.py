"""An HTTP client for a provider that reaches only its hosts: over TLS, at public addresses, within a time limit."""

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

from ..stored_messages import FOREIGN_HOST, PRIVATE_HOST, PROVIDER_ERROR
from . import BadRequest, Interrupted, NotConnected, ProviderBusy

MAX_REDIRECTS: Final = 3
MAX_WAIT_SECONDS: Final = 3600.0  # whatever the provider asks for
DEFAULT_WAIT_SECONDS: Final = 10.0


class RestrictedHttpClient:
    """Requests to `base` carry the credentials; redirects must lead to one of `hosts`, and carry none.

    A host that begins with a dot stands for all hosts of that domain.
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
    def stream_get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A successful response whose body isn't read yet.

        Raises `ItemFailed`, `RunRejected`, `ProviderBusy`, `Interrupted`.
        """
        request = self._client.build_request("GET", url, params=params, headers=headers)
        for _hop in range(MAX_REDIRECTS + 1):
            self.check_url(request.url)
            with convert_transport_errors():
                auth = self._auth if self.is_provider(request.url) else None
                response = self._client.send(request, auth=auth, stream=True)
            try:
                if response.next_request is None:
                    self.check_status(response)
                    with convert_transport_errors():
                        yield response
                    return
                # A new request instead of httpx's, so that it carries only our headers, and no credentials.
                request = self._client.build_request("GET", response.next_request.url, headers=headers)
            finally:
                response.close()
        raise ItemFailed(_("The provider redirects in a circle."), code="redirected")

    def is_provider(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)

    def check_url(self, url: httpx.URL) -> None:
        """Raises `ItemFailed` for a host that isn't the provider's, for plain HTTP, and for a private address."""
        is_known = self.is_provider(url) or any(
            url.host.endswith(host) if host.startswith(".") else url.host == host for host in self._hosts
        )
        allow_private = settings.RECORDINGS_ALLOW_PRIVATE_HOSTS
        if not is_known or not (url.scheme == "https" or allow_private):
            raise ItemFailed(
                FOREIGN_HOST % {"host": url.host},
                code="foreign_host",
            )
        if not allow_private and not all(ipaddress.ip_address(address).is_global for address in resolve_host(url)):
            raise ItemFailed(PRIVATE_HOST % {"host": url.host}, code="foreign_host")

    def check_status(self, response: httpx.Response) -> None:
        """Raises what a status means: for the run, for the item, or for the next try."""
        status = response.status_code
        if response.is_success:
            return
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and self.is_provider(response.url):
            raise RunRejected(_("The provider doesn't accept the account and its token. Staff can correct them."))
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise ItemFailed(_("The provider no longer has this recording."), code="gone")
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers
        ):
            raise ProviderBusy(parse_retry_after(response.headers.get("Retry-After", "")))
        kind = BadRequest if status == HTTPStatus.BAD_REQUEST else Interrupted
        raise kind(PROVIDER_ERROR % {"status": status})


@contextmanager
def convert_transport_errors() -> Iterator[None]:
    """Raises `NotConnected` or `Interrupted` instead of httpx's exceptions."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotConnected(_("The provider can't be reached.")) from error
    except httpx.TimeoutException as error:
        raise Interrupted(_("The provider has stopped sending.")) from error
    except httpx.HTTPError as error:
        raise Interrupted(_("The connection to the provider broke.")) from error


def resolve_host(url: httpx.URL) -> list[str]:
    """All addresses of the URL's host. Raises `NotConnected`."""
    try:
        addresses = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotConnected(_("The provider's address can't be found.")) from error
    return [str(address[4][0]) for address in addresses]


def parse_retry_after(header: str) -> float:
    """The seconds in a `Retry-After` header, which has a number of them or a date."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            seconds = DEFAULT_WAIT_SECONDS
    return min(MAX_WAIT_SECONDS, max(1.0, seconds))

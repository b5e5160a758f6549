"""Who carries the messages. One small interface, and Meta's WhatsApp Cloud API behind it. No Celery here.

A provider answers a message with its own id for it, or raises one of the five things that can be
true then. Where it can't be known whether a message has left, it is `Unclear`, and never sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx
from pywa.client import WhatsApp
from pywa.errors import WhatsAppError
from pywa.types.templates import TemplateLanguage

from .messages import Message

T = TypeVar("T")

# Meta's error codes: https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
PAIR_RATE = 131056  # too many messages to this one recipient
# The app's calls, the account's, the number's messages a second, an account under maintenance.
THROTTLED = frozenset({4, 80007, 130429, 131057, PAIR_RATE})
# Nothing more can be sent with these credentials, by this account or number, or of this template.
BLOCKED = frozenset(
    {
        *(0, 3, 10, 190, *range(200, 300), 131005),  # token and permissions
        *(33, 368, 131031, 131037, 131042, 131045, 131048, 131063, 131064, 133010),  # account and number
        *(132001, 132015, 132016),  # the template doesn't exist, is paused or disabled
    }
)


class ProviderError(Exception):
    """The message wasn't taken, or nobody knows. `code` is the provider's own where it has one."""

    def __init__(self, message: object, code: object = "") -> None:
        super().__init__(str(message))
        self.code = str(code)


class Refused(ProviderError):
    """This message will never be taken."""


class Throttled(ProviderError):
    """Not taken now: too many. Try again after `seconds`, or after a while where it is None."""

    def __init__(self, message: object, code: object = "", *, seconds: float | None = None) -> None:
        super().__init__(message, code)
        self.seconds = seconds
        self.only_this_recipient = code == PAIR_RATE


class Blocked(ProviderError):
    """Neither this message nor any other will be taken: credentials, account or number."""


class Unreachable(ProviderError):
    """The request certainly did not reach the provider."""


class Unclear(ProviderError):
    """The request may have reached the provider, and no answer says what came of it."""


class Provider(Protocol):
    @property
    def at_once(self) -> int:
        """How many messages it can send side by side, each in a thread; with 1 it is always called by the caller's."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, message: Message) -> str:
        """The provider's id of the message. Raises a `ProviderError`."""
        ...

    def check(self) -> None:
        """Raises a `ProviderError` unless the provider answers; nobody gets a message by it."""
        ...


# Before a single byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _Session(httpx.Client):
    """Parses an address once: every message goes to the same one, and httpx would put it together each time."""

    @lru_cache(maxsize=16)  # noqa: B019  it lives as long as the run
    def _absolute(self, path: str) -> httpx.URL:
        return httpx.URL(f"{str(self.base_url).rstrip('/')}/{path.lstrip('/')}")

    def request(self, method: str, url: httpx.URL | str, **arguments: Any) -> httpx.Response:
        return super().request(method, self._absolute(url) if isinstance(url, str) else url, **arguments)


class MetaCloud:
    """Over connections that are kept open."""

    def __init__(
        self,
        *,
        url: str,
        phone_number_id: str,
        token: str,
        connect_seconds: float,
        answer_seconds: float,
        at_once: int,
    ) -> None:
        self.at_once = at_once
        self._session = _Session(timeout=httpx.Timeout(answer_seconds, connect=connect_seconds))
        self._whatsapp = WhatsApp(phone_id=phone_number_id, token=token, session=self._session)
        # pywa has set its own; a version of the API is part of it.
        self._session.base_url = httpx.URL(url.rstrip("/") + self._session.base_url.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def send(self, message: Message) -> str:
        return _answer_of(lambda: str(self._sent(message).id))

    def check(self) -> None:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status/"""
        number = str(self._whatsapp.phone_id)
        _answer_of(lambda: self._whatsapp.api.get_business_phone_number(number, ("id",)))

    def _sent(self, message: Message) -> Any:
        if not message.template:
            return self._whatsapp.send_message(message.to, message.text, preview_url=True, tracker=message.tracker)
        return self._whatsapp.send_template(
            message.to,
            message.template,
            TemplateLanguage(message.language),
            _components(message.parameters),
            tracker=message.tracker,
        )


def _answer_of(call: Callable[[], T]) -> T:
    """Raises a `ProviderError`."""
    try:
        return call()
    except WhatsAppError as error:
        raise _meaning(error) from error
    except NOT_SENT as error:
        raise Unreachable(f"{type(error).__name__}: {error}", "unreachable") from error
    except Exception as error:
        # Broken off, too slow, or an answer that says nothing: the message may be on its way.
        raise Unclear(f"{type(error).__name__}: {error}", "no_answer") from error


def _components(parameters: tuple[tuple[str, str], ...]) -> list[Any]:
    """The template's body; parameters that have names are sent with them."""
    if not parameters:
        return []
    told = [
        {"type": "text", "text": value, **({} if name.isdecimal() else {"parameter_name": name})}
        for name, value in parameters
    ]
    return [{"type": "body", "parameters": told}]


def _meaning(error: WhatsAppError) -> ProviderError:
    """What one of Meta's errors means for this message and the next ones."""
    words = ": ".join(part for part in (error.message, error.details) if part)
    status = error.status_code or 0
    if status == httpx.codes.TOO_MANY_REQUESTS or error.code in THROTTLED:
        return Throttled(words, error.code, seconds=_retry_after(error))
    if error.code in BLOCKED or status == httpx.codes.UNAUTHORIZED:
        return Blocked(words, error.code)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unclear(words, error.code)  # it has read the request; who knows how far it came
    return Refused(words, error.code)


def _retry_after(error: WhatsAppError) -> float | None:
    header = error.raw_response.headers.get("Retry-After", "") if error.raw_response is not None else ""
    return float(header) if header.isdecimal() else None

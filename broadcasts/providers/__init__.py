"""Providers that carry messages: their interface and its errors. No Celery here.

A provider accepts a message and returns its own id for it, or raises one of six errors. Where it can't be known whether
a message has left, the error is `Unclear`, and the message is never sent again.
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..messages import Message
from ..meta_errors import PAIR_RATE


class ProviderError(Exception):
    """The message wasn't accepted, or its outcome is unknown. `code` is the provider's own where it has one."""

    def __init__(self, message: object, code: object = "") -> None:
        super().__init__(str(message))
        self.code = str(code)


class Refused(ProviderError):
    """This message will never be accepted."""


class Throttled(ProviderError):
    """Too many messages: send this one again after `seconds`; None where the provider names no time."""

    def __init__(self, message: object, code: object = "", *, seconds: float | None = None) -> None:
        super().__init__(message, code)
        self.seconds = seconds
        self.only_this_recipient = code == PAIR_RATE


class Blocked(ProviderError):
    """Neither this message nor any other will be accepted: credentials, account, number or template."""


class TemplateWaits(ProviderError):
    """No message with this template will be accepted for some hours."""


class Unreachable(ProviderError):
    """The request certainly did not reach the provider."""


class Unclear(ProviderError):
    """The request may have reached the provider, and its outcome isn't known."""


class Accepted(NamedTuple):
    """The provider has accepted a message. The fields are columns of `Recipient`."""

    message_id: str
    delivery: str
    wa_id: str = ""


class Provider(Protocol):
    @property
    def at_once(self) -> int:
        """How many messages may be in flight, each in a thread; with 1 it is called by the main thread alone."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, message: Message) -> Accepted:
        """Raises a `ProviderError`."""
        ...

    def check(self) -> None:
        """Raises a `ProviderError` unless the provider answers. Sends no message."""
        ...

"""Who carries the messages: one small interface. No Celery here.

A provider answers a message with its own id for it, or raises one of the six things that can be
true then. Where it can't be known whether a message has left, it is `Unclear`, and never sent again.
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Protocol, Self

from ..messages import Message
from ..meta_errors import PAIR_RATE


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
    """Neither this message nor any other will be taken: credentials, account, number or template."""


class TemplateWaits(ProviderError):
    """No message with this template will be taken for some hours."""


class Unreachable(ProviderError):
    """The request certainly did not reach the provider."""


class Unclear(ProviderError):
    """The request may have reached the provider, and no answer says what came of it."""


class Accepted(NamedTuple):
    """The provider has taken a message. The names are those of `Recipient`."""

    message_id: str
    delivery: str
    wa_id: str = ""


class Provider(Protocol):
    @property
    def at_once(self) -> int:
        """How many messages it can send side by side, each in a thread; with 1 it is always called by the caller's."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def send(self, message: Message) -> Accepted:
        """Raises a `ProviderError`."""
        ...

    def check(self) -> None:
        """Raises a `ProviderError` unless the provider answers; nobody gets a message by it."""
        ...

"""A provider that sends nothing and stores every message in the database: for tests and demonstrations."""

from __future__ import annotations

import random
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from django.utils.translation import gettext as _

from ..messages import Message
from ..models import OutboxMessage
from . import Accepted, Refused

if TYPE_CHECKING:
    from ..models import ProviderAccount

HELD: Final = "held_for_quality_assessment"
CODES: Final = ("131026", "131047", "131049")  # of Meta, so that the page shows their advice


class Outbox:
    """Its account sets how slow it is, and which share of messages it refuses and holds back."""

    at_once = 1  # its messages are written by the caller's connection to the database

    def __init__(self, account: ProviderAccount) -> None:
        self._account = account

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def send(self, message: Message) -> Accepted:
        """Raises `Refused`."""
        time.sleep(self._account.delay)
        chance, rate = random.random(), self._account.failure_rate  # noqa: S311  not for cryptography
        if chance < rate:
            raise Refused(_("The outbox refused this message as a test."), random.choice(CODES))  # noqa: S311
        stored = OutboxMessage.objects.create(
            account=self._account,
            message_id=f"outbox.{uuid.uuid4().hex}",
            phone=message.to,
            template=message.template,
            text=message.text,
            tracker=message.tracker,
        )
        # "sent" is final here: no webhook follows.
        return Accepted(stored.message_id, HELD if chance > 1 - rate else "sent")

    def check(self) -> None:
        """Always there."""

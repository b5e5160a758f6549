"""A provider that sends nothing and keeps every message in the database: for trying things out."""

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
CODES: Final = ("131026", "131047", "131049")  # of Meta, for what is then said to be done


class Outbox:
    """As slow, and as likely to refuse a message or to hold it back, as its account says."""

    at_once = 1  # its messages go by the caller's connection to the database

    def __init__(self, account: ProviderAccount) -> None:
        self._account = account

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def send(self, message: Message) -> Accepted:
        time.sleep(self._account.delay)
        chance, rate = random.random(), self._account.failure_rate  # noqa: S311  a demonstration's chance
        if chance < rate:
            raise Refused(_("The outbox refuses some, as it was told."), random.choice(CODES))  # noqa: S311
        kept = OutboxMessage.objects.create(
            account=self._account,
            message_id=f"outbox.{uuid.uuid4().hex}",
            phone=message.to,
            template=message.template,
            text=message.text,
            tracker=message.tracker,
        )
        return Accepted(kept.message_id, HELD if chance > 1 - rate else "sent")  # nobody will tell more

    def check(self) -> None:
        """It is here."""

"""The provider of an account."""

from __future__ import annotations

from django.conf import settings

from ..models import ProviderAccount
from . import Provider
from .meta import MetaCloud
from .outbox import Outbox


def open_provider(account: ProviderAccount) -> Provider:
    """Use it in a `with`."""
    if account.kind == ProviderAccount.Kind.OUTBOX:
        return Outbox(account)
    return MetaCloud(
        url=settings.WHATSAPP_API_URL,
        phone_number_id=account.phone_number_id,
        token=account.token or "",
        connect_seconds=settings.WHATSAPP_CONNECT_SECONDS,
        answer_seconds=settings.WHATSAPP_ANSWER_SECONDS,
        at_once=settings.WHATSAPP_AT_ONCE,
    )

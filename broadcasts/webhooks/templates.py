"""Changes of templates end the waits of broadcasts that wait for them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from pywa.types.templates import TemplateStatus

from runs.lifecycle.dispatch import end_waits
from runs.text import clean

from ..models import ProviderAccount, WhatsAppBroadcast
from .payload import Change
from .updates import parse_template_status


def wake_broadcasts(accounts: Sequence[ProviderAccount], change: Change) -> None:
    """After every change but a pause, broadcasts that wait for the template try their next message.

    Meta's answer to that message decides, so the order of webhooks and their repetition don't matter here.
    """
    update = parse_template_status(change)
    if update is None or update.new_status == TemplateStatus.PAUSED:
        return
    name, language = clean(update.template_name), update.template_language.value
    with transaction.atomic():
        end_waits(WhatsAppBroadcast.objects.filter(account__in=accounts, template=name, language=language))

"""A broadcast whose template is paused waits in the queue, where it occupies no worker, and tries again by itself.

Meta lifts a pause after three hours, or six the second time, or somebody lifts it in WhatsApp Manager. Then a webhook
ends the broadcast's wait (`webhooks.templates`). Webhooks may be lost, or arrive after Meta's refusal and before the
run is back in the queue, so the run tries one message every hour too. A refused message wasn't sent: its recipient is
pending.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pausing
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now

from runs.exceptions import RunDeferred, RunRejected
from runs.progress import Progress

from ..meta_errors import WAIT_REASONS, advice_for
from ..models import WhatsAppBroadcast
from ..providers import TemplateWaits
from ..stored_messages import TEMPLATE_WAITED


def wait_for_template(run: WhatsAppBroadcast, progress: Progress, error: TemplateWaits) -> NoReturn:
    """Raises `RunDeferred`, or `RunRejected` after the longest wait."""
    hours = settings.WHATSAPP_TEMPLATE_WAIT_HOURS
    if progress.fenced(_has_waited_longer, run, timedelta(hours=hours)):
        message = TEMPLATE_WAITED % {"hours": hours, "error": error, "code": error.code}
        raise RunRejected(f"{message}\n{advice_for(error.code)}") from error
    raise RunDeferred(settings.WHATSAPP_TEMPLATE_RETRY_SECONDS, WAIT_REASONS[error.code]) from error


def end_template_wait(run: WhatsAppBroadcast, progress: Progress) -> None:
    """A message was accepted: the next pause begins a wait of its own."""
    progress.fenced(type(run).objects.filter(pk=run.pk).update, paused_since=None)
    run.paused_since = None


def _has_waited_longer(run: WhatsAppBroadcast, longest: timedelta) -> bool:
    """Note since when the run waits, and is that longer than `longest`? Safe to repeat."""
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.update(paused_since=Coalesce("paused_since", Now()))
    return rows.filter(paused_since__lt=Now() - models.Value(longest)).exists()

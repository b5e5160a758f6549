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


def wait_for_template(run: WhatsAppBroadcast, progress: Progress, error: TemplateWaits, *, has_sent: bool) -> NoReturn:
    """Raises `RunDeferred`, or `RunRejected` after the longest wait.

    `has_sent`: a message of this attempt was accepted, so the pause began just now.
    """
    hours = settings.WHATSAPP_TEMPLATE_WAIT_HOURS
    if progress.fenced(_end_longest_wait, run, timedelta(hours=hours), has_sent):
        message = TEMPLATE_WAITED % {"hours": hours, "error": error, "code": error.code}
        raise RunRejected(f"{message}\n{advice_for(error.code)}") from error
    raise RunDeferred(settings.WHATSAPP_TEMPLATE_RETRY_SECONDS, WAIT_REASONS[error.code]) from error


def _end_longest_wait(run: WhatsAppBroadcast, longest: timedelta, has_sent: bool) -> bool:
    """Note since when the run waits, and end a wait that is longer than `longest`; was it ended?

    Safe to repeat: the time that is noted changes by a moment at most.
    """
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.update(paused_since=Now() if has_sent else Coalesce("paused_since", Now()))
    # Cleared, so that a person's retry begins a wait of its own.
    return bool(rows.filter(paused_since__lt=Now() - models.Value(longest)).update(paused_since=None))

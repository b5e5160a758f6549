"""A broadcast whose template is paused waits in the queue, where it holds no worker, and tries again by itself.

Meta lifts a pause after three hours, or six the second time, or somebody does so in WhatsApp Manager. A webhook tells
so and wakes the broadcast (`webhook`). Webhooks may be lost, or come between Meta's refusal and the run's way back to
the queue, so it tries one message every hour too. A refused message was not sent, and its recipient is pending.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pausing
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from runs.exceptions import RunDeferred, RunRejected
from runs.progress import Progress

from .meta_errors import WAIT_REASONS, rule_of
from .models import WhatsAppBroadcast
from .providers import TemplateWaits


def wait_for_template(run: WhatsAppBroadcast, progress: Progress, error: TemplateWaits, *, has_sent: bool) -> NoReturn:
    """Raises `RunDeferred`, or `RunRejected` after the longest wait; `has_sent`: it was possible a moment ago."""
    hours = settings.WHATSAPP_TEMPLATE_WAIT_HOURS
    if progress.fenced(_has_waited, run, timedelta(hours=hours), has_sent):
        words = _("The template could not be sent for %(hours)d hours: %(error)s (%(code)s)")
        told = words % {"hours": hours, "error": error, "code": error.code}
        raise RunRejected(f"{told} {_(rule_of(error.code).advice)}") from error
    raise RunDeferred(settings.WHATSAPP_TEMPLATE_RETRY_SECONDS, WAIT_REASONS[error.code]) from error


def _has_waited(run: WhatsAppBroadcast, longest: timedelta, has_sent: bool) -> bool:
    """Note since when it waits. Safe to repeat, but for a moment more or less."""
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.update(paused_since=Now() if has_sent else Coalesce("paused_since", Now()))
    # A person's retry after that begins a wait of its own.
    return bool(rows.filter(paused_since__lt=Now() - models.Value(longest)).update(paused_since=None))

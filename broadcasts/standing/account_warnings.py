"""Warnings about an account, for members who are about to send to an audience."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext, ngettext

from ..models import AccountStanding, ProviderAccount, WhatsAppBroadcast
from .limits import UNLIMITED
from .restrictions import describe_restriction, is_in_force


def count_sent_lately(account: ProviderAccount) -> int:
    """Messages of broadcasts that began within 24 hours: nearly what counts against the limit."""
    runs = WhatsAppBroadcast.objects.filter(account=account, started_at__gt=Now() - timedelta(hours=24))
    return int(runs.aggregate(sent=Coalesce(models.Sum("succeeded"), 0))["sent"])


def count_waiting(account: ProviderAccount, besides: int = 0) -> int:
    """Recipients who are still to be sent to by the account's active broadcasts, except the broadcast `besides`."""
    runs = WhatsAppBroadcast.objects.active().filter(account=account).exclude(pk=besides)
    waiting = models.F("total") - models.F("processed")
    return int(runs.aggregate(waiting=Coalesce(models.Sum(waiting), 0))["waiting"])


def warnings_of(account: ProviderAccount, recipients: int = 0, *, besides: int = 0) -> list[str]:
    """Warnings before a broadcast to so many recipients, in the reader's language.

    `besides`: the id of that broadcast, where it has been started.
    """
    standing = AccountStanding.objects.filter(account=account).first()
    if standing is None:
        return []
    zone = account.business.zone
    warnings = [describe_restriction(each, zone) for each in standing.restrictions if is_in_force(each)]
    if standing.can_send == "BLOCKED":
        warnings.append(gettext("Meta says that this account can't send: %(why)s") % {"why": standing.can_send_reason})
    if standing.can_send == "LIMITED":
        warnings.append(gettext("Meta says that this account is limited: %(why)s") % {"why": standing.can_send_reason})
    if standing.quality == AccountStanding.Quality.RED:
        warnings.append(gettext("The account's quality is low: people block or report it. Meta may lower its limit."))
    if recipients and (warning := warn_of_limit(account, standing, recipients, besides)):
        warnings.append(warning)
    return warnings


def warn_of_limit(account: ProviderAccount, standing: AccountStanding, recipients: int, besides: int) -> str:
    limit = standing.daily_limit
    if limit is None or limit == UNLIMITED:
        return ""
    sent, waiting = count_sent_lately(account), count_waiting(account, besides)
    if recipients + sent + waiting <= limit:
        return ""
    return ngettext(
        "One recipient is more than the account can reach today. Its limit is %(limit)d within 24 hours;"
        " %(sent)d were already sent, and %(waiting)d are waiting in other broadcasts. WhatsApp will refuse the rest.",
        "%(count)d recipients are more than the account can reach today. Its limit is %(limit)d within 24 hours;"
        " %(sent)d were already sent, and %(waiting)d are waiting in other broadcasts. WhatsApp will refuse the rest.",
        recipients,
    ) % {"count": recipients, "limit": limit, "sent": sent, "waiting": waiting}

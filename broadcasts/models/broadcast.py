"""A broadcast: one message to many recipients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, npgettext
from django.utils.translation import gettext_lazy as _

from runs.models import Run, RunItem
from runs.numbers import format_number
from runs.states import ItemStatus, Status

from ..messages import Message, Text, render_text
from .account import ProviderAccount

if TYPE_CHECKING:
    from .recipient import Recipient, RecipientQuerySet


class WhatsAppBroadcast(Run):
    slug, queue, exclusive = "broadcast", "broadcasts", False
    public_fields = (
        "name",
        "account_id",
        "template",
        "language",
        "text",
        "audience",
        "sent",
        "delivered",
        "read",
        "failed",
        "skipped",
        "unknown",
        "cancelled",
        "about",
    )
    search_fields = ("name", "template", "text", "account__name")
    when_reopened = MappingProxyType({"paused_since": None})

    account = models.ForeignKey(ProviderAccount, verbose_name=_("account"), on_delete=models.CASCADE)
    name = models.CharField(_("name"), max_length=200)
    template = models.CharField(_("template"), max_length=512, blank=True, default="")  # blank: free text
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    text = models.TextField(_("text"))  # a template's as its owner wrote it, with its {{variables}}
    columns = models.JSONField(_("variables"), default=list)  # of the audience, in its order
    audience = models.JSONField(_("audience"), default=dict)  # how many were valid, invalid, duplicate, …
    # Since when its template has been paused; null if not, and once a message was accepted or a person reopened it.
    paused_since = models.DateTimeField(null=True, editable=False)
    # By webhooks; a recipient who has read the message counts as delivered too.
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    read = models.PositiveIntegerField(_("read"), default=0)

    class Meta(Run.Meta):
        verbose_name = _("WhatsApp broadcast")
        verbose_name_plural = _("WhatsApp broadcasts")

    def __str__(self) -> str:
        return self.name

    def title(self) -> str:
        return self.name

    def mode_label(self) -> str:
        return self.template

    def unit(self, n: int) -> str:
        return npgettext("unit", "recipient", "recipients", n)

    def count_label(self, n: int) -> str:
        return ngettext("%(n)s recipient", "%(n)s recipients", n) % {"n": format_number(n)}

    def result_label(self) -> str:
        text = ngettext("%(n)s accepted", "%(n)s accepted", self.sent)
        return text % {"n": format_number(self.sent)} if self.sent else ""

    @property
    def sent(self) -> int:
        return self.succeeded

    @property
    def cancelled(self) -> int:
        """Recipients that a cancelled broadcast didn't reach."""
        return (self.total or 0) - self.processed if self.status == Status.CANCELLED else 0

    def failed_items(self) -> models.QuerySet[RunItem]:
        """Failed recipients that may be tried again now; not those that a retry has taken or that have opted out."""
        rows = self.untried_items(ItemStatus.FAILED).exclude_not_due()
        return cast("models.QuerySet[RunItem]", rows.exclude_opted_out(self.business_id).order_by("pk"))

    def unknown_items(self) -> models.QuerySet[RunItem]:
        """Recipients who may have received the message; only a person may decide to send it again."""
        rows = self.untried_items(ItemStatus.UNKNOWN).exclude_opted_out(self.business_id)
        return cast("models.QuerySet[RunItem]", rows.order_by("pk"))

    def untried_items(self, status: ItemStatus) -> RecipientQuerySet:
        """Recipients of this status that no retry has taken."""
        return self.items.filter(status=status, retries=None)

    def retryable(self) -> Retryable:
        """How many of the failed recipients may be tried again, and when."""
        rows = self.untried_items(ItemStatus.FAILED).exclude_opted_out(self.business_id)
        now = rows.exclude_not_due().count()
        waiting = rows.retryable_later()
        waits = [row.retry_after for row in waiting.filter(pk__in=waiting.earliest_of_each_code())]
        later = waiting.count()
        return Retryable(now, later, min(filter(None, waits), default=None), max(0, self.failed - now - later))

    def nothing_to_retry(self) -> str:
        retryable = self.retryable()
        if not retryable.later or retryable.next_at is None:
            return gettext("None of the failed messages can be retried. Each row says why.")
        time = date_format(retryable.next_at.astimezone(self.zone), "SHORT_DATETIME_FORMAT")
        message = ngettext(
            "Nothing can be retried now. %(count)d person can be retried from: %(time)s",
            "Nothing can be retried now. %(count)d people can be retried later, the first from: %(time)s",
            retryable.later,
        )
        return message % {"count": retryable.later, "time": time}

    def retry_fields(self) -> dict[str, Any]:
        same = ("account", "name", "template", "language", "text", "columns")
        return {name: getattr(self, name) for name in same}

    def message_to(self, recipient: Recipient) -> Message:
        variables = Text(self.text).values(recipient.variables, self.columns)
        return Message(
            to=recipient.phone,
            text=render_text(self.text, recipient.variables, self.columns),
            template=self.template,
            language=self.language,
            parameters=tuple(variables.items()) if self.template else (),
            tracker=recipient.tracker,
        )


@dataclass(frozen=True)
class Retryable:
    """Of a broadcast's failed recipients."""

    now: int
    later: int
    next_at: datetime | None  # when the first of the later ones may be tried
    never: int  # never by "retry failed", or tried again already

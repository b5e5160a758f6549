"""A run that reads a mailbox, and its messages."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, npgettext

from runs.models import Run, RunItem
from runs.models.period import format_period
from runs.numbers import format_number

from .mailbox import Mailbox


class ReceiptSyncRun(Run):
    slug, queue, exclusive = "receipt_sync", "receipts", True
    public_fields = ("mailbox_id", "mode", "from_date", "to_date", "receipts_found", "about")
    search_fields = ("mailbox__name", "mailbox__username")
    source_path = "mailbox__name"

    class Mode(models.TextChoices):
        INCREMENTAL = "incremental", _("New messages")
        FULL = "full", _("Whole mailbox")
        RANGE = "range", _("Range of dates")
        SELECTED = "selected", _("Failed messages again")

    mailbox = models.ForeignKey(Mailbox, verbose_name=_("mailbox"), on_delete=models.CASCADE)
    mode = models.CharField(_("mode"), max_length=16, choices=Mode, default=Mode.INCREMENTAL)
    from_date = models.DateField(_("from"), null=True)
    to_date = models.DateField(_("to"), null=True)
    # How many receipts are `found_by` this run: what earlier runs had found isn't counted again.
    receipts_found = models.PositiveIntegerField(_("receipts found"), default=0, db_default=0, editable=False)

    class Meta(Run.Meta):
        verbose_name = _("receipt sync")
        verbose_name_plural = _("receipt syncs")

    def mode_label(self) -> str:
        return format_period(self.from_date, self.to_date) or str(self.Mode(self.mode).label)

    def unit(self, n: int) -> str:
        return npgettext("unit", "message", "messages", n)

    def count_label(self, n: int) -> str:
        return ngettext("%(n)s message", "%(n)s messages", n) % {"n": format_number(n)}

    def result_label(self) -> str:
        n = self.receipts_found
        text = ngettext("%(n)s receipt", "%(n)s receipts", n)
        return text % {"n": format_number(n)} if n else ""

    def retry_fields(self) -> dict[str, Any]:
        # The messages are named by UIDs, which mean nothing once the mailbox points to another place.
        location = {"location": self.cursor["location"]} if "location" in self.cursor else {}
        return {"mailbox": self.mailbox, "mode": self.Mode.SELECTED, "cursor": location}


class ScannedMessage(RunItem):
    """A message that a sync has looked at; its key is `UIDVALIDITY:UID`."""

    public_fields = ("subject", "sender")

    run = models.ForeignKey(ReceiptSyncRun, on_delete=models.CASCADE, related_name="items")
    subject = models.CharField(_("subject"), max_length=300, blank=True, default="", db_default="")
    sender = models.CharField(_("sender"), max_length=300, blank=True, default="", db_default="")

    class Meta(RunItem.Meta):
        verbose_name = _("scanned message")
        verbose_name_plural = _("scanned messages")

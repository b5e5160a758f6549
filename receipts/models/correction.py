"""The history of a receipt: one row for each value that a person changed."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .receipt import Receipt, ReviewStatus


class ReceiptCorrection(models.Model):
    """One value that a person changed: a fact, the link to another receipt, or the status of the review."""

    receipt = models.ForeignKey(
        Receipt, verbose_name=_("receipt"), on_delete=models.CASCADE, related_name="corrections"
    )
    field = models.CharField(_("field"), max_length=32)
    old_value = models.CharField(_("before"), max_length=200, blank=True)
    new_value = models.CharField(_("after"), max_length=200, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(_("by"), max_length=150)  # stays when the account is deleted
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["id"]
        triggers = [
            # The database refuses to rewrite history; only a deleted account leaves its rows.
            pgtrigger.ReadOnly(name="append_only", exclude=["user"]),
        ]

    def __str__(self) -> str:
        return f"{self.field_label}: {self.old_label} → {self.new_label}"

    @property
    def field_label(self) -> str:
        return capfirst(str(Receipt._meta.get_field(self.field).verbose_name))  # type: ignore[union-attr]

    @property
    def old_label(self) -> str:
        return self._label(self.old_value)

    @property
    def new_label(self) -> str:
        return self._label(self.new_value)

    def _label(self, value: str) -> str:
        """The stored text as people read it."""
        if self.field == "review_status":
            return str(ReviewStatus(value).label)
        if self.field == "is_refund":
            return gettext("yes") if value == "true" else gettext("no")
        if self.field == "issued_on" and (day := parse_date(value)):
            return date_format(day, "SHORT_DATE_FORMAT")
        return value or "–"

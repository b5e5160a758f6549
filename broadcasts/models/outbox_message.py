"""Messages that the outbox provider stored."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .account import ProviderAccount


class OutboxMessage(models.Model):
    """One message that the outbox provider stored in place of sending it."""

    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("account"), on_delete=models.CASCADE, related_name="outbox"
    )
    message_id = models.CharField(_("message id"), max_length=64, unique=True)
    phone = models.CharField(_("phone"), max_length=40)
    template = models.CharField(_("template"), max_length=512, blank=True, default="")
    text = models.TextField(_("text"))
    tracker = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(_("sent"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("message in the outbox")
        verbose_name_plural = _("messages in the outbox")

    def __str__(self) -> str:
        return self.phone

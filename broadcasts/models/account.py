"""The accounts that messages are sent by."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.models import Business


class ProviderAccount(models.Model):
    class Kind(models.TextChoices):
        META = "meta", _("WhatsApp Cloud API (Meta)")
        OUTBOX = "outbox", _("Outbox (keeps messages here, sends nothing)")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="whatsapp_accounts"
    )
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("provider"), max_length=16, choices=Kind, default=Kind.META)
    phone_number_id = models.CharField(_("phone number id"), max_length=64, blank=True, default="")
    # Webhooks about templates and the account name this id only. Webhooks about messages name it too, and fill it in.
    waba_id = models.CharField(
        _("WhatsApp Business Account id"), max_length=64, blank=True, default="", db_default="", db_index=True
    )
    token = EncryptedTextField(_("access token"), blank=True, null=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True, null=True)
    verify_token = EncryptedTextField(_("webhook's verify token"), blank=True, null=True)
    country = models.CharField(_("country of numbers written without one"), max_length=2, default="IL")
    rate = models.FloatField(
        _("messages a second"), default=80, validators=[MinValueValidator(0.1), MaxValueValidator(1_000_000)]
    )
    # For the outbox only.
    delay = models.FloatField(_("seconds a message"), default=0.0, validators=[MinValueValidator(0)])
    failure_rate = models.FloatField(
        _("share that fails"), default=0.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )

    class Meta:
        verbose_name = _("WhatsApp account")
        verbose_name_plural = _("WhatsApp accounts")
        ordering = ["name"]
        constraints = [
            # Webhooks find their account by the number; no business may enter another's.
            models.UniqueConstraint(
                fields=["phone_number_id"], condition=~models.Q(phone_number_id=""), name="one_account_a_number"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Pace(models.Model):
    """The rate limit of an account: when its next message may leave, by the database's clock.

    A table of its own, so that the row that workers update all the time is short.
    """

    account = models.OneToOneField(ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="pace")
    next_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("pace")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.next_at}"


class AccountStanding(models.Model):
    """What Meta allows an account, from its API and webhooks; each part with its time."""

    class Quality(models.TextChoices):
        """https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits"""

        UNKNOWN = "UNKNOWN", _("Not rated yet")
        GREEN = "GREEN", _("High")
        YELLOW = "YELLOW", _("Medium")
        RED = "RED", _("Low")

    UNLIMITED: ClassVar = -1  # Meta's own value in webhooks

    account = models.OneToOneField(ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="standing")
    display_number = models.CharField(max_length=40, blank=True, default="")  # digits
    quality = models.CharField(_("quality"), max_length=16, choices=Quality, default=Quality.UNKNOWN)
    quality_at = models.DateTimeField(null=True)
    # New recipients within 24 hours, for all numbers of the portfolio together.
    daily_limit = models.IntegerField(_("messages a day"), null=True)  # null: unknown
    daily_limit_at = models.DateTimeField(null=True)
    # [{"type": … or "" for none, "until": ISO time or "", "kind": the event's, "at": the event's ISO time}]
    restrictions = models.JSONField(_("restrictions"), default=list)
    restrictions_at = models.DateTimeField(null=True)
    # https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
    can_send = models.CharField(max_length=16, blank=True, default="")  # AVAILABLE, LIMITED, BLOCKED; by the API only
    can_send_reason = models.CharField(max_length=500, blank=True, default="")
    checked_at = models.DateTimeField(_("asked Meta"), null=True)
    problem = models.CharField(max_length=300, blank=True, default="")  # of the last check

    class Meta:
        verbose_name = _("standing of a WhatsApp account")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.quality}, {self.daily_limit}"

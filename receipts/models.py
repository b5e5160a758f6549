"""Mailboxes, their syncs, and the receipts found in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.exceptions import RunRejected
from runs.models import Business, Run, RunItem
from runs.progress import clean

from .connection import Account
from .own_address import is_own_address


class Mailbox(models.Model):
    class Security(models.TextChoices):
        SSL = "ssl", _("TLS")
        STARTTLS = "starttls", _("STARTTLS")
        PLAIN = "plain", _("None (local servers only)")

    class Auth(models.TextChoices):
        PASSWORD = "password", _("Password or app password")
        XOAUTH2 = "xoauth2", _("OAuth 2 token")

    PLACE = ("host", "port", "security", "username", "folder")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="mailboxes"
    )
    name = models.CharField(_("name"), max_length=200)
    host = models.CharField(_("server"), max_length=255, default="imap.gmail.com")
    port = models.PositiveIntegerField(_("port"), default=993)
    security = models.CharField(_("encryption"), max_length=16, choices=Security, default=Security.SSL)
    auth = models.CharField(_("sign-in"), max_length=16, choices=Auth, default=Auth.PASSWORD)
    username = models.CharField(_("user name"), max_length=255)
    secret = EncryptedTextField(_("password or token"))
    folder = models.CharField(_("folder"), max_length=255, default="INBOX")
    # Up to where a completed sync has read; UIDs mean nothing under another UIDVALIDITY. Null: never opened yet.
    uidvalidity = models.BigIntegerField(null=True, editable=False)
    last_uid = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also forget what was read, and that it ever worked, when the mailbox is pointed to somewhere else."""
        same_place = Mailbox.objects.filter(**{name: getattr(self, name) for name in self.PLACE})
        if self.pk and not same_place.filter(pk=self.pk).exists():
            self.uidvalidity, self.last_uid = None, 0
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "uidvalidity", "last_uid"}
        super().save(*args, **kwargs)

    @property
    def has_been_opened(self) -> bool:
        """Has a sync reached it, as it is configured now?"""
        return self.uidvalidity is not None

    def mark_opened(self, uidvalidity: int) -> None:
        """Remember that it can be reached, and that nothing of it has been read to the end yet."""
        Mailbox.objects.filter(pk=self.pk, uidvalidity=None).update(uidvalidity=uidvalidity, last_uid=0)

    def clean(self) -> None:
        if self.sends_in_clear():
            raise ValidationError({"security": _("Without encryption, only a server on this machine can be read.")})

    def sends_in_clear(self) -> bool:
        """Would the password cross a network as it is?"""
        return self.security == self.Security.PLAIN and not is_own_address(self.host)

    def account(self) -> Account:
        """Raises `RunRejected` where the password would be sent in clear."""
        if self.sends_in_clear():
            raise RunRejected(
                gettext("%(host)s is another machine, and the mailbox is set to no encryption. Choose TLS or STARTTLS.")
                % {"host": self.host}
            )
        return Account(
            host=self.host,
            port=self.port,
            security=cast("Literal['ssl', 'starttls', 'plain']", self.security),
            username=self.username,
            secret=self.secret,
            auth=cast("Literal['password', 'xoauth2']", self.auth),
            folder=self.folder,
            timeout=settings.RECEIPTS_IMAP_TIMEOUT_SECONDS,
        )

    def mark_read(self, uidvalidity: int, uid: int) -> None:
        """Remember how far a completed sync has read; never backwards under one UIDVALIDITY."""
        further = models.Q(uidvalidity=uidvalidity, last_uid__lt=uid)
        renumbered = ~models.Q(uidvalidity=uidvalidity) | models.Q(uidvalidity=None)
        Mailbox.objects.filter(further | renumbered, pk=self.pk).update(uidvalidity=uidvalidity, last_uid=uid)


class ReceiptSyncRun(Run):
    slug, queue, exclusive = "receipt_sync", "receipts", True
    public_fields = ("mailbox_id", "mode", "from_date", "to_date")

    class Mode(models.TextChoices):
        INCREMENTAL = "incremental", _("New messages")
        FULL = "full", _("Whole mailbox")
        RANGE = "range", _("Range of dates")
        SELECTED = "selected", _("Failed messages again")

    mailbox = models.ForeignKey(Mailbox, verbose_name=_("mailbox"), on_delete=models.CASCADE)
    mode = models.CharField(_("mode"), max_length=16, choices=Mode, default=Mode.INCREMENTAL)
    from_date = models.DateField(_("from"), null=True)
    to_date = models.DateField(_("to"), null=True)

    class Meta(Run.Meta):
        verbose_name = _("receipt sync")
        verbose_name_plural = _("receipt syncs")

    def retry_fields(self) -> dict[str, Any]:
        return {"mailbox": self.mailbox, "mode": self.Mode.SELECTED}


class ScannedMessage(RunItem):
    """A message that a sync has looked at; its key is `UIDVALIDITY:UID`."""

    public_fields = ("subject", "sender")

    run = models.ForeignKey(ReceiptSyncRun, on_delete=models.CASCADE, related_name="items")
    subject = models.CharField(_("subject"), max_length=300, blank=True, default="", db_default="")
    sender = models.CharField(_("sender"), max_length=300, blank=True, default="", db_default="")

    class Meta(RunItem.Meta):
        verbose_name = _("scanned message")
        verbose_name_plural = _("scanned messages")


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def dated(self, from_date: Any = None, to_date: Any = None) -> Self:
        """Issued within these dates, both included; by the day received where none is known."""
        day = models.functions.Coalesce("issued_on", models.functions.TruncDate("received_at"))
        rows = self.annotate(day=day)
        if from_date:
            rows = rows.filter(day__gte=from_date)
        if to_date:
            rows = rows.filter(day__lte=to_date)
        return rows


class Receipt(models.Model):
    class Currency(models.TextChoices):
        ILS = "ILS", "₪"
        USD = "USD", "$"
        EUR = "EUR", "€"
        GBP = "GBP", "£"

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="receipts"
    )
    mailbox = models.ForeignKey(Mailbox, on_delete=models.SET_NULL, null=True, related_name="+")
    message_id = models.CharField(max_length=998)
    attachment_sha256 = models.CharField(max_length=64, blank=True, default="")
    subject = models.CharField(_("subject"), max_length=300, blank=True, default="")
    sender = models.CharField(_("sender"), max_length=300, blank=True, default="")
    received_at = models.DateTimeField(_("received"), null=True)
    # What could be read; null or empty where nothing could be read with confidence.
    vendor = models.CharField(_("vendor"), max_length=200, blank=True, default="")
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, null=True)
    currency = models.CharField(_("currency"), max_length=3, choices=Currency, blank=True)
    issued_on = models.DateField(_("date"), null=True)
    invoice_number = models.CharField(_("invoice number"), max_length=64, blank=True, default="")
    confidence = models.DecimalField(_("confidence"), max_digits=3, decimal_places=2, default=0)
    needs_review = models.BooleanField(_("needs review"), default=True)
    file = models.FileField(_("file"), blank=True, max_length=255)
    filename = models.CharField(_("file name"), max_length=255, blank=True, default="")
    content_type = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(_("found"), db_default=Now(), editable=False)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            # Syncing twice, or resuming, adds nothing.
            models.UniqueConstraint(fields=["business", "message_id", "attachment_sha256"], name="receipt_once")
        ]
        indexes = [
            # The list of a business, newest first.
            models.Index(fields=["business", "-id"], name="receipt_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.vendor or self.sender} {self.amount or ''} {self.currency}".strip()

    def fit_columns(self) -> None:
        """Clean and cut every value to its column: strangers wrote them, and one that doesn't fit can't be stored."""
        for field in self._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField):
                setattr(self, field.attname, clean(getattr(self, field.attname), field.max_length))
            elif isinstance(field, models.DecimalField):
                setattr(self, field.attname, _fitting_amount(field, getattr(self, field.attname)))


def _fitting_amount(field: models.DecimalField[Any, Any], amount: Decimal | int | None) -> Decimal | None:
    """Rounded to the column's decimal places; None for what isn't a number, or has too many digits."""
    exact = None if amount is None else Decimal(amount)
    if exact is None or not exact.is_finite() or abs(exact) >= Decimal(10) ** field.max_digits:
        return None
    rounded = exact.quantize(Decimal(1).scaleb(-field.decimal_places))
    return rounded if abs(rounded) < Decimal(10) ** (field.max_digits - field.decimal_places) else None

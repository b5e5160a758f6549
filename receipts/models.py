"""Mailboxes, their syncs, and the receipts found in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self, cast

import pgtrigger
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models.functions import Now
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.exceptions import RunRejected
from runs.models import Business, Run, RunItem
from runs.text import clean

from .connection import Account
from .own_address import is_own_address
from .review_reasons import MESSAGES


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


class ReviewStatus(models.TextChoices):
    CLEAR = "clear", _("No review needed")
    TO_REVIEW = "to_review", _("To review")
    APPROVED = "approved", _("Approved")
    CORRECTED = "corrected", _("Corrected")
    REJECTED = "rejected", _("Rejected")


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

    def of(self, user: Any) -> Self:
        """The receipts of the businesses that this user is a member of."""
        return self.filter(business__in=Business.objects.of(user))

    def to_review(self) -> Self:
        return self.filter(needs_review=True)

    def duplicates(self) -> Self:
        return self.filter(duplicate_of__isnull=False)

    def outdated(self, version: int) -> Self:
        """Written by an older extractor, and nobody has decided about them: a sync may improve them."""
        return self.filter(decision="", extractor_version__lt=version)


class Receipt(models.Model):
    class Currency(models.TextChoices):
        ILS = "ILS", "₪"
        USD = "USD", "$"
        EUR = "EUR", "€"
        GBP = "GBP", "£"

    class Decision(models.TextChoices):
        """What a person said of it. From then on no sync writes its facts."""

        APPROVED = ReviewStatus.APPROVED.value, _("Approved")
        CORRECTED = ReviewStatus.CORRECTED.value, _("Corrected")
        REJECTED = ReviewStatus.REJECTED.value, _("Rejected")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="receipts"
    )
    mailbox = models.ForeignKey(Mailbox, on_delete=models.SET_NULL, null=True, related_name="+")
    message_id = models.CharField(max_length=998)
    attachment_sha256 = models.CharField(max_length=64, blank=True, default="")
    subject = models.CharField(_("subject"), max_length=300, blank=True, default="")
    sender = models.CharField(_("sender"), max_length=300, blank=True, default="")
    received_at = models.DateTimeField(_("received"), null=True)
    # What could be read, or what a person corrected it to; null or empty where nothing could be read with confidence.
    vendor = models.CharField(_("vendor"), max_length=200, blank=True, default="")
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, null=True)
    currency = models.CharField(_("currency"), max_length=3, choices=Currency, blank=True)
    issued_on = models.DateField(_("date"), null=True)
    invoice_number = models.CharField(_("invoice number"), max_length=64, blank=True, default="")
    is_refund = models.BooleanField(_("refund"), default=False, db_default=False)
    confidence = models.DecimalField(_("confidence"), max_digits=3, decimal_places=2, default=0)
    needs_review = models.BooleanField(_("needs review"), default=True)
    # Codes of `receipts.review_reasons`: why the extractor asked for a person.
    review_reasons = models.JSONField(
        _("reasons for review"), blank=True, default=list, db_default=models.Value([], models.JSONField())
    )
    # Rows that were there before this column are the first extractor's.
    extractor_version = models.PositiveSmallIntegerField(_("extractor version"), default=1, db_default=1)
    decision = models.CharField(
        _("decision"), max_length=16, choices=Decision, blank=True, default="", db_default="", editable=False
    )
    review_status = models.GeneratedField(
        verbose_name=_("review"),
        expression=models.Case(
            models.When(~models.Q(decision=""), then=models.F("decision")),
            models.When(needs_review=True, then=models.Value(ReviewStatus.TO_REVIEW.value)),
            default=models.Value(ReviewStatus.CLEAR.value),
        ),
        output_field=models.CharField(max_length=16),
        db_persist=True,
        choices=ReviewStatus,
    )
    # The same purchase, found earlier; that one is never a duplicate itself.
    duplicate_of = models.ForeignKey(
        "self",
        verbose_name=_("duplicate of"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="copies",
        editable=False,
    )
    # A person linked or unlinked it: no sync does again.
    duplicate_decided = models.BooleanField(default=False, db_default=False, editable=False)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)  # +1 on every write
    file = models.FileField(_("file"), blank=True, max_length=255)
    filename = models.CharField(_("file name"), max_length=255, blank=True, default="")
    content_type = models.CharField(max_length=100, blank=True, default="")
    # What the mail itself said, kept where there is no document or a person has to look.
    message_text = models.TextField(_("message"), blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(_("found"), db_default=Now(), editable=False)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            # Syncing twice, or resuming, adds nothing.
            models.UniqueConstraint(fields=["business", "message_id", "attachment_sha256"], name="receipt_once"),
            models.CheckConstraint(
                condition=models.Q(decision="") | models.Q(needs_review=False), name="receipt_decided_is_reviewed"
            ),
        ]
        indexes = [
            # The list of a business, newest first.
            models.Index(fields=["business", "-id"], name="receipt_newest"),
            # The list of what is to be reviewed.
            models.Index(fields=["business", "-id"], name="receipt_to_review", condition=models.Q(needs_review=True)),
            # What may be the same purchase as a receipt that is stored (`receipts.duplicates`).
            models.Index(fields=["business", "amount", "issued_on"], name="receipt_same_total"),
        ]

    def __str__(self) -> str:
        return f"{self.vendor or self.sender} {self.amount or ''} {self.currency}".strip()

    def explained_reasons(self) -> list[tuple[str, str]]:
        """Each code with what the reader is told; with nothing where only a later version knows the code."""
        return [(code, gettext(MESSAGES[code]) if code in MESSAGES else "") for code in self.review_reasons]

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
        return value or "–"


# "Rcpt" in ASCII: keeps these locks apart from other advisory locks of the database.
_LOCK_SPACE = 0x52637074


def lock_receipts_of(business_id: int) -> None:
    """Until the transaction ends, nobody else stores, corrects or links receipts of this business.

    Taken before any receipt is written, and after the run's row where a sync writes: links touch several
    receipts, and two writers that locked them one by one could wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(*receipts_lock(business_id))


def receipts_lock(business_id: int) -> tuple[str, list[int]]:
    """The statement of `lock_receipts_of`, for those who send others with it."""
    return "SELECT pg_advisory_xact_lock(%s::int, %s::int)", [_LOCK_SPACE, business_id % 2**31]

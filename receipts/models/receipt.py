"""The receipts that were found, and the reviewers' decisions about them."""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from runs.models import Business
from runs.text import clean
from runs.time_zones import midnight_of

from ..review_reasons import MESSAGES
from .mailbox import Mailbox
from .sync_run import ReceiptSyncRun


class ReviewStatus(models.TextChoices):
    CLEAR = "clear", _("No review needed")
    TO_REVIEW = "to_review", _("To review")
    APPROVED = "approved", _("Approved")
    CORRECTED = "corrected", _("Corrected")
    REJECTED = "rejected", _("Rejected")


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def dated(self, zone: tzinfo, from_date: date | None = None, to_date: date | None = None) -> Self:
        """Issued within these dates, both included; by the day received, in the zone, where none is known."""
        rows, undated = self, models.Q(issued_on=None)
        if from_date:
            rows = rows.filter(
                models.Q(issued_on__gte=from_date) | undated & models.Q(received_at__gte=midnight_of(from_date, zone))
            )
        if to_date and to_date < date.max:
            end = midnight_of(to_date + timedelta(days=1), zone)
            rows = rows.filter(models.Q(issued_on__lte=to_date) | undated & models.Q(received_at__lt=end))
        return rows

    def to_review(self) -> Self:
        return self.filter(needs_review=True)

    def duplicates(self) -> Self:
        return self.filter(duplicate_of__isnull=False)

    def outdated(self, version: int) -> Self:
        """Undecided receipts of an older extractor: a sync may update them."""
        return self.filter(decision="", extractor_version__lt=version)


class Receipt(models.Model):
    class Currency(models.TextChoices):
        ILS = "ILS", "₪"
        USD = "USD", "$"
        EUR = "EUR", "€"
        GBP = "GBP", "£"

    class Decision(models.TextChoices):
        """What a person decided. From then on no sync overwrites its facts."""

        APPROVED = ReviewStatus.APPROVED.value, _("Approved")
        CORRECTED = ReviewStatus.CORRECTED.value, _("Corrected")
        REJECTED = ReviewStatus.REJECTED.value, _("Rejected")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="receipts"
    )
    mailbox = models.ForeignKey(Mailbox, on_delete=models.SET_NULL, null=True, related_name="+")
    # The sync that stored it first; null for receipts from before this column.
    found_by = models.ForeignKey(
        ReceiptSyncRun, on_delete=models.SET_NULL, null=True, related_name="receipts", db_index=False, editable=False
    )
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
    # The text of the mail, stored where there is no document or a review is needed.
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
            # The list of what a run found, newest first; and a run that is deleted.
            models.Index(
                fields=["found_by", "-id"], name="receipt_found_by", condition=models.Q(found_by__isnull=False)
            ),
            # What may be the same purchase as a receipt that is stored (`receipts.review.duplicates`).
            models.Index(fields=["business", "amount", "issued_on"], name="receipt_same_total"),
        ]

    def __str__(self) -> str:
        return f"{self.vendor or self.sender} {self.amount or ''} {self.currency}".strip()

    def explained_reasons(self) -> list[tuple[str, str]]:
        """Each code with its message, "" for a code that only a later version knows."""
        return [(code, gettext(MESSAGES[code]) if code in MESSAGES else "") for code in self.review_reasons]

    def fit_columns(self) -> None:
        """Clean every value and cut it to its column: strangers wrote it, and PostgreSQL refuses what doesn't fit."""
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

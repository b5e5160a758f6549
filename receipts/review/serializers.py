"""Receipts as JSON, and the bodies of requests about them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from runs.api import DayField, FlagField

from ..models import Receipt, ReceiptCorrection, ReviewStatus


def refuse_unknown(serializer: serializers.Serializer[Any], *others: str) -> None:
    """Raises `ValidationError` naming each unknown field."""
    unknown = set(serializer.initial_data) - set(serializer.fields) - set(others)
    if unknown:
        raise serializers.ValidationError(dict.fromkeys(sorted(unknown), _("There is no such field.")), "unknown")


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(allow_blank=True)


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    """`file` is where the attachment can be fetched, or null; `duplicate_of` the receipt of the same purchase."""

    file = serializers.SerializerMethodField()
    review_status = serializers.ChoiceField(choices=ReviewStatus.choices)
    review_reasons = serializers.SerializerMethodField()
    duplicate_of = serializers.IntegerField(source="duplicate_of_id", allow_null=True)

    class Meta:
        model = Receipt
        fields = [
            "id",
            "business_id",
            "mailbox_id",
            "subject",
            "sender",
            "received_at",
            "vendor",
            "amount",
            "currency",
            "issued_on",
            "invoice_number",
            "confidence",
            "needs_review",
            "file",
            "filename",
            "content_type",
            "created_at",
            "is_refund",
            "review_status",
            "review_reasons",
            "duplicate_of",
            "extractor_version",
            "version",
        ]

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_file(self, receipt: Receipt) -> str | None:
        if not receipt.file:
            return None
        return reverse("api:receipt-file", args=[receipt.pk], request=self.context.get("request"))

    @extend_schema_field(ReasonSerializer(many=True))
    def get_review_reasons(self, receipt: Receipt) -> list[dict[str, str]]:
        return [{"code": code, "message": message} for code, message in receipt.explained_reasons()]


class CorrectionSerializer(serializers.ModelSerializer[ReceiptCorrection]):
    """Who changed what; `field` is a field of the receipt."""

    user = serializers.CharField(source="user_name")

    class Meta:
        model = ReceiptCorrection
        fields = ["id", "field", "old_value", "new_value", "user", "created_at"]


class ReviewedReceiptSerializer(ReceiptSerializer):
    """A receipt with all that people changed on it, the first change first, and what its mail said.

    `message_text` is kept where there is no document or where a person has to look.
    """

    corrections = CorrectionSerializer(many=True)

    class Meta(ReceiptSerializer.Meta):
        fields = [*ReceiptSerializer.Meta.fields, "message_text", "corrections"]


class ReviewRequest(serializers.Serializer[Any]):
    """With `version`, the one that was seen: 409 where somebody has changed the receipt since."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(self)
        return attrs


@extend_schema_field({"type": "string", "format": "decimal", "pattern": r"^-?[0-9]{1,10}(\.[0-9]{1,2})?$"})
class AmountField(serializers.DecimalField):
    """The schema that is made for a DecimalField takes a sign without a digit."""


class CorrectionRequest(ReviewRequest):
    """What is given is written. `duplicate_of: null` says that it is a purchase of its own.

    A refund's amount is negative: given one of `amount` and `is_refund`, the other follows.
    """

    vendor = serializers.CharField(max_length=200, allow_blank=True, required=False)
    amount = AmountField(max_digits=12, decimal_places=2, allow_null=True, required=False)
    currency = serializers.ChoiceField(choices=Receipt.Currency.choices, allow_blank=True, required=False)
    issued_on = DayField(allow_null=True, required=False)
    invoice_number = serializers.CharField(max_length=64, allow_blank=True, required=False)
    is_refund = FlagField(required=False)
    duplicate_of = serializers.IntegerField(allow_null=True, required=False, min_value=1)


class RefusesUnknownFields(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Says in the schema that no other fields are taken."""

    target_class = ReviewRequest
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}

"""Receipt syncs and receipts over HTTP."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.fields import get_error_detail
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from runs.api.fields import BusinessField, DayField, FlagField
from runs.api.outputs import ConflictSerializer, ErrorSerializer, RunSerializer
from runs.api.pagination import NewestFirst
from runs.api.parsing import choose_row, parse_body, parse_query
from runs.api.run_responses import ERRORS, IDEMPOTENCY_KEY, start_run, user_of
from runs.models import Business
from runs.readers.verdict import fetch_repaired

from .models import Mailbox, Receipt, ReceiptCorrection, ReceiptSyncRun, ReviewStatus
from .review import decisions

Mode = ReceiptSyncRun.Mode


class SyncRequest(serializers.Serializer[Any]):
    """`mailbox` may be left out where the business has one; the dates belong to mode `range`."""

    business = BusinessField()
    mailbox = serializers.IntegerField(required=False, allow_null=True)
    mode = serializers.ChoiceField(choices=[choice for choice in Mode.choices if choice[0] != Mode.SELECTED])
    from_date = DayField(required=False, allow_null=True)
    to_date = DayField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_dates(attrs["mode"], attrs.get("from_date"), attrs.get("to_date"))
        return {**attrs, "mailbox": _mailbox(attrs["business"], attrs.get("mailbox"))}


def _check_dates(mode: str, from_date: Any, to_date: Any) -> None:
    """Raises `ValidationError` naming the field that is missing or too much."""
    given = {"from_date": from_date, "to_date": to_date}
    if mode != Mode.RANGE:
        if extra := [name for name, value in given.items() if value]:
            raise serializers.ValidationError(dict.fromkeys(extra, _("Dates belong to the mode “range”.")))
        return
    if missing := [name for name, value in given.items() if not value]:
        raise serializers.ValidationError(dict.fromkeys(missing, _("Give the first and the last day.")), "required")
    if from_date > to_date:
        raise serializers.ValidationError({"to_date": _("The last day is before the first.")})


def _mailbox(business: Business, pk: int | None) -> Mailbox:
    """Raises `ValidationError`."""
    return choose_row(
        Mailbox.objects.filter(business=business),
        pk,
        "mailbox",
        no_such=_("There is no such mailbox."),
        which=_("Say which mailbox."),
        none=_("The business has no mailbox yet."),
    )


class BusinessQuery(serializers.Serializer[Any]):
    business = BusinessField()


class ReceiptQuery(BusinessQuery):
    """A parameter that isn't known is refused: the answer would look as if it had been heeded."""

    from_date = serializers.DateField(required=False)
    to_date = serializers.DateField(required=False)
    needs_review = serializers.BooleanField(required=False)
    review_status = serializers.ChoiceField(choices=ReviewStatus.choices, required=False)
    duplicates = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(self, "cursor", "page_size", "lang")
        return attrs


def refuse_unknown(serializer: serializers.Serializer[Any], *others: str) -> None:
    """Raises `ValidationError` naming each field that was given and that nobody reads."""
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


class NothingElse(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # registers itself
    """Says in the schema that no other fields are taken."""

    target_class = ReviewRequest
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


class ReviewForbidden(APIException):
    status_code = status.HTTP_409_CONFLICT


class Sync(APIView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=SyncRequest,
        responses={202: RunSerializer, 409: ConflictSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start a receipt sync."""
        return start_run(request, ReceiptSyncRun, **parse_body(SyncRequest, request))


class SyncStatus(APIView):
    @extend_schema(parameters=[BusinessQuery], responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        """The business's latest receipt sync."""
        runs = ReceiptSyncRun.objects.filter(business=parse_query(BusinessQuery, request)["business"])
        for run in fetch_repaired(runs.with_ages().order_by("-created_at", "-id")[:1]):
            return Response(RunSerializer(run).data)
        raise NotFound(_("No receipt sync has been started yet."), code="no_run_yet")


class Receipts(GenericAPIView[Receipt]):
    pagination_class = NewestFirst
    filter_backends = ()
    serializer_class = ReceiptSerializer

    @extend_schema(parameters=[ReceiptQuery], responses={200: ReceiptSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """The business's receipts, the last found first; dates are the day of issue, or of arrival."""
        page = self.paginate_queryset(_matching(**parse_query(ReceiptQuery, request)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def _matching(
    business: Business, from_date: Any = None, to_date: Any = None, duplicates: bool | None = None, **equal: Any
) -> QuerySet[Receipt]:
    rows = Receipt.objects.filter(business=business, **equal).dated(from_date, to_date).defer("message_text")
    return rows if duplicates is None else rows.filter(duplicate_of__isnull=not duplicates)


class ReceiptView(APIView):
    """Something about one receipt of the caller's businesses."""

    def find(self, id: int) -> Receipt:  # noqa: A002  named as in the URL
        """Raises `Http404`."""
        return get_object_or_404(Receipt.objects.of(self.request.user), pk=id)

    def review(self, verb: Any, id: int, **parse_body: Any) -> Response:  # noqa: A002
        """Call one of `receipts.review.decisions`. Raises `Http404`, `ReviewForbidden`, `ValidationError`."""
        try:
            receipt = verb(self.find(id), user=user_of(self.request), **parse_body)
        except Receipt.DoesNotExist as error:  # deleted a moment ago
            raise Http404 from error
        except decisions.ReviewConflict as error:
            raise ReviewForbidden(str(error), error.code) from error
        except DjangoValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return self.answer(receipt)

    def answer(self, receipt: Receipt) -> Response:
        return Response(ReviewedReceiptSerializer(receipt, context={"request": self.request}).data)


REVIEWED = {200: ReviewedReceiptSerializer, 409: ErrorSerializer, **ERRORS}


class Detail(ReceiptView):
    @extend_schema(responses={200: ReviewedReceiptSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002
        """One receipt, with its history."""
        return self.answer(self.find(id))

    @extend_schema(request=CorrectionRequest, responses=REVIEWED)
    def patch(self, request: Request, id: int) -> Response:  # noqa: A002
        """Correct what was read. No later sync overwrites it."""
        self.find(id)  # nobody learns by another answer that a receipt exists
        changes = parse_body(CorrectionRequest, request)
        return self.review(decisions.correct, id, version=changes.pop("version", None), changes=changes)


class Approve(ReceiptView):
    @extend_schema(request=ReviewRequest, responses=REVIEWED)
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """All that stands there is right. 409 where somebody has approved it already."""
        self.find(id)
        return self.review(decisions.approve, id, **parse_body(ReviewRequest, request))


class Reject(ReceiptView):
    @extend_schema(request=ReviewRequest, responses=REVIEWED)
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """It is no receipt. It stays in the list as rejected, and can be approved or corrected later."""
        self.find(id)
        return self.review(decisions.reject, id, **parse_body(ReviewRequest, request))


class File(ReceiptView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **ERRORS})
    def get(self, request: Request, id: int) -> FileResponse:  # noqa: A002
        """The receipt's attachment, to be saved and never shown: strangers wrote it."""
        receipt = self.find(id)
        try:
            content = receipt.file.open("rb")
        except (ValueError, OSError) as error:  # it has none, or the storage lost it
            raise Http404 from error
        return FileResponse(
            content,
            as_attachment=True,
            filename=receipt.filename or "receipt",
            content_type="application/octet-stream",
            headers={"X-Content-Type-Options": "nosniff"},
        )


urlpatterns = [
    path("", Receipts.as_view(), name="receipts"),
    path("<int:id>/", Detail.as_view(), name="receipt"),
    path("<int:id>/approve/", Approve.as_view(), name="receipt-approve"),
    path("<int:id>/reject/", Reject.as_view(), name="receipt-reject"),
    path("<int:id>/file/", File.as_view(), name="receipt-file"),
    path("sync/", Sync.as_view(), name="receipt-sync"),
    path("sync/status/", SyncStatus.as_view(), name="receipt-sync-status"),
]

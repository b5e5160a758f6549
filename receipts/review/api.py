"""Receipts over HTTP: the list, a receipt with its file, and the reviewer's decisions."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.fields import get_error_detail
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import ERRORS, BusinessField, ErrorSerializer, NewestFirst, parse_body, parse_query, user_of
from runs.api.visits import readable_businesses
from runs.models import Business

from ..models import Receipt, ReviewStatus
from . import decisions
from .serializers import CorrectionRequest, ReceiptSerializer, ReviewedReceiptSerializer, ReviewRequest, refuse_unknown


class ReceiptQuery(serializers.Serializer[Any]):
    """An unknown parameter is refused: ignored, it would look as if it had been applied."""

    business = BusinessField()
    from_date = serializers.DateField(required=False)
    to_date = serializers.DateField(required=False)
    needs_review = serializers.BooleanField(required=False)
    review_status = serializers.ChoiceField(choices=ReviewStatus.choices, required=False)
    duplicates = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(self, "cursor", "page_size", "lang")
        return attrs


class ReviewForbidden(APIException):
    status_code = status.HTTP_409_CONFLICT


class Receipts(GenericAPIView[Receipt]):
    pagination_class = NewestFirst
    filter_backends = ()
    serializer_class = ReceiptSerializer

    @extend_schema(parameters=[ReceiptQuery], responses={200: ReceiptSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """The business's receipts, the last found first; dates are the day of issue, or of arrival."""
        page = self.paginate_queryset(_matching_receipts(**parse_query(ReceiptQuery, request)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def _matching_receipts(
    business: Business, from_date: Any = None, to_date: Any = None, duplicates: bool | None = None, **equal: Any
) -> QuerySet[Receipt]:
    rows = (
        Receipt.objects.filter(business=business, **equal)
        .dated(business.zone, from_date, to_date)
        .defer("message_text")
    )
    return rows if duplicates is None else rows.filter(duplicate_of__isnull=not duplicates)


class ReceiptView(APIView):
    """Something about one receipt of the caller's businesses."""

    def find(self, id: int) -> Receipt:  # noqa: A002  named as in the URL
        """Raises `Http404`."""
        return get_object_or_404(Receipt, business__in=readable_businesses(self.request), pk=id)

    def review(self, verb: Any, id: int, **body: Any) -> Response:  # noqa: A002
        """Call one of `receipts.review.decisions`. Raises `Http404`, `ReviewForbidden`, `ValidationError`."""
        try:
            receipt = verb(self.find(id), user=user_of(self.request), **body)
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
        self.find(id)  # first, so that a bad body gets 404 too for a receipt of another business
        changes = parse_body(CorrectionRequest, request)
        return self.review(decisions.correct_receipt, id, version=changes.pop("version", None), changes=changes)


class Approve(ReceiptView):
    @extend_schema(request=ReviewRequest, responses=REVIEWED)
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """All that stands there is right. 409 where somebody has approved it already."""
        self.find(id)
        return self.review(decisions.approve_receipt, id, **parse_body(ReviewRequest, request))


class Reject(ReceiptView):
    @extend_schema(request=ReviewRequest, responses=REVIEWED)
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """It is no receipt. It stays in the list as rejected, and can be approved or corrected later."""
        self.find(id)
        return self.review(decisions.reject_receipt, id, **parse_body(ReviewRequest, request))


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

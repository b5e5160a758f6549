"""Receipt syncs and receipts over HTTP."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from runs.api.pagination import NewestFirst
from runs.api.serializers import BusinessField, ConflictSerializer, DayField, RunSerializer, asked, chosen, said
from runs.api.views import ERRORS, IDEMPOTENCY_KEY, start_run
from runs.models import Business
from runs.verdict import tell

from .models import Mailbox, Receipt, ReceiptSyncRun

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
    return chosen(
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
    from_date = serializers.DateField(required=False)
    to_date = serializers.DateField(required=False)


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    """`file` is where the attachment can be fetched, or null."""

    file = serializers.SerializerMethodField()

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
        ]

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_file(self, receipt: Receipt) -> str | None:
        if not receipt.file:
            return None
        return reverse("api:receipt-file", args=[receipt.pk], request=self.context.get("request"))


class Sync(APIView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=SyncRequest,
        responses={202: RunSerializer, 409: ConflictSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start a receipt sync."""
        return start_run(request, ReceiptSyncRun, **said(SyncRequest, request))


class SyncStatus(APIView):
    @extend_schema(parameters=[BusinessQuery], responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request) -> Response:
        """The business's latest receipt sync."""
        runs = ReceiptSyncRun.objects.filter(business=asked(BusinessQuery, request)["business"])
        for run in tell(runs.with_ages().order_by("-created_at", "-id")[:1]):
            return Response(RunSerializer(run).data)
        raise NotFound(_("No receipt sync has been started yet."), code="no_run_yet")


class Receipts(GenericAPIView[Receipt]):
    pagination_class = NewestFirst
    filter_backends = ()
    serializer_class = ReceiptSerializer

    @extend_schema(parameters=[ReceiptQuery], responses={200: ReceiptSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """The business's receipts, the last found first; dates are the day of issue, or of arrival."""
        query = asked(ReceiptQuery, request)
        found = Receipt.objects.dated(query.get("from_date"), query.get("to_date"))
        page = self.paginate_queryset(found.filter(business=query["business"]))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class File(APIView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **ERRORS})
    def get(self, request: Request, id: int) -> FileResponse:  # noqa: A002  named as in the URL
        """The receipt's attachment, to be saved and never shown: strangers wrote it."""
        own = Receipt.objects.filter(business__in=Business.objects.of(request.user))
        receipt = get_object_or_404(own, pk=id)
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
    path("<int:id>/file/", File.as_view(), name="receipt-file"),
    path("sync/", Sync.as_view(), name="receipt-sync"),
    path("sync/status/", SyncStatus.as_view(), name="receipt-sync-status"),
]

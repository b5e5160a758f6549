"""Receipt syncs and receipts over HTTP."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import (
    ERRORS,
    IDEMPOTENCY_KEY,
    REFUSALS,
    BusinessField,
    DayField,
    RunSerializer,
    choose_row,
    parse_body,
    parse_query,
    serialize_run,
    start_run,
)
from runs.models import Business
from runs.readers.verdict import fetch_repaired

from .models import Mailbox, ReceiptSyncRun
from .review.api import Approve, Detail, File, Receipts, Reject

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
        return {**attrs, "mailbox": _choose_mailbox(attrs["business"], attrs.get("mailbox"))}


def _check_dates(mode: str, from_date: Any, to_date: Any) -> None:
    """Raises `ValidationError` for a date that is missing, or given to another mode than `range`."""
    given = {"from_date": from_date, "to_date": to_date}
    if mode != Mode.RANGE:
        if extra := [name for name, value in given.items() if value]:
            raise serializers.ValidationError(dict.fromkeys(extra, _("Dates need the mode “range”.")))
        return
    if missing := [name for name, value in given.items() if not value]:
        raise serializers.ValidationError(dict.fromkeys(missing, _("Enter the first and the last day.")), "required")
    if from_date > to_date:
        raise serializers.ValidationError({"to_date": _("The last day is before the first.")})


def _choose_mailbox(business: Business, pk: int | None) -> Mailbox:
    """Raises `ValidationError`."""
    return choose_row(
        Mailbox.objects.filter(business=business),
        pk,
        "mailbox",
        no_such=_("There is no such mailbox."),
        which=_("Choose a mailbox."),
        none=_("The business has no mailbox yet."),
    )


class BusinessQuery(serializers.Serializer[Any]):
    business = BusinessField()


class Sync(APIView):
    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=SyncRequest,
        responses={202: RunSerializer, **REFUSALS, **ERRORS},
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
            return Response(serialize_run(run))
        raise NotFound(_("No receipt sync has been started yet."), code="no_run_yet")


urlpatterns = [
    path("", Receipts.as_view(), name="receipts"),
    path("<int:id>/", Detail.as_view(), name="receipt"),
    path("<int:id>/approve/", Approve.as_view(), name="receipt-approve"),
    path("<int:id>/reject/", Reject.as_view(), name="receipt-reject"),
    path("<int:id>/file/", File.as_view(), name="receipt-file"),
    path("sync/", Sync.as_view(), name="receipt-sync"),
    path("sync/status/", SyncStatus.as_view(), name="receipt-sync-status"),
]

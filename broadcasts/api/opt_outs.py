"""Opt-outs over HTTP: members see them, add some, lift those that members added, and export all of them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import Http404
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import ERRORS, BusinessField, ErrorSerializer, NewestFirst, parse_body, parse_query, user_of
from runs.api.export import csv_response
from runs.models import Business

from .. import opt_outs
from ..models import OptOut, OptOutQuerySet
from ..numbers import to_e164

STATES = {
    "in_force": Q(lifted_at=None),
    "lifted": Q(lifted_at__isnull=False),
    "all": Q(),
}
COLUMNS = ["id", "phone", "source", "words", "created_at", "added_by", "lifted_at", "lifted_by", "user_id"]


class PersonStopped(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "person_stopped"
    default_detail = _("This person opted out themselves. Only they can opt back in, by writing START.")


class OptOutQuery(serializers.Serializer[Any]):
    business = BusinessField()
    phone = serializers.CharField(required=False, max_length=40, help_text="A number, or a part of one.")
    state = serializers.ChoiceField(choices=list(STATES), default="in_force")
    format = serializers.ChoiceField(choices=["json", "csv"], default="json")


class OptOutRequest(serializers.Serializer[Any]):
    """`words`: how the person asked for it, or where."""

    business = BusinessField()
    phone = serializers.CharField(max_length=40)
    words = serializers.CharField(required=False, default="", allow_blank=True, max_length=opt_outs.MAX_WORDS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        phone = read_phone(attrs["business"], attrs["phone"])
        if phone is None:
            raise serializers.ValidationError({"phone": _("Not a phone number.")}, "invalid")
        return {**attrs, "phone": phone}


class OptOutSerializer(serializers.ModelSerializer[OptOut]):
    source_label = serializers.CharField(source="get_source_display")
    phone = serializers.CharField(help_text="Empty where WhatsApp names them by an id alone.")
    added_by = serializers.CharField(source="added_by.username", default=None, allow_null=True)
    lifted_by = serializers.CharField(source="lifted_by.username", default=None, allow_null=True)

    class Meta:
        model = OptOut
        fields = [*COLUMNS, "source_label"]


def read_phone(business: Business, written: str) -> str | None:
    """As in the country of the business's first account, where it names none."""
    account = business.whatsapp_accounts.order_by("pk").first()
    return to_e164(written, account.country if account else "ZZ")


def filter_opt_outs(rows: OptOutQuerySet, phone: str, state: str) -> OptOutQuerySet:
    """Those in a state, by any part of the number as people write it."""
    digits = "".join(character for character in phone if character.isdecimal() and character.isascii())
    rows = rows.filter(STATES[state]).select_related("added_by", "lifted_by")
    if phone and not digits:
        return rows.none()
    return rows.filter(phone__contains=digits.lstrip("0"))


class OptOuts(GenericAPIView[OptOut]):
    pagination_class = NewestFirst
    filter_backends = ()
    serializer_class = OptOutSerializer

    @extend_schema(
        parameters=[OptOutQuery],
        responses={200: OptOutSerializer(many=True), (200, "text/csv"): str, **ERRORS},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """A business's opt-outs, the latest first; `format=csv` gives all of them as a file."""
        query = parse_query(OptOutQuery, request)
        business: Business = query["business"]
        rows = filter_opt_outs(OptOut.objects.filter(business=business), query.get("phone", ""), query["state"])
        if query["format"] == "csv":
            return csv_response(rows.order_by("id"), f"opt-outs-{business.slug}.csv", COLUMNS)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=OptOutRequest, responses={200: OptOutSerializer, 201: OptOutSerializer, **ERRORS})
    def post(self, request: Request) -> Response:
        """Add a number: nothing is sent to it from now on. 200 where it was on the list already."""
        body = parse_body(OptOutRequest, request)
        row, is_changed = opt_outs.add_opt_out(body["business"], body["phone"], body["words"], user_of(request))
        code = status.HTTP_201_CREATED if is_changed else status.HTTP_200_OK
        return Response(OptOutSerializer(row).data, status=code)


class OneOptOut(APIView):
    @extend_schema(request=None, responses={200: OptOutSerializer, 409: ErrorSerializer, **ERRORS})
    def delete(self, request: Request, id: int) -> Response:  # noqa: A002  named as in the URL
        """Lift an opt-out that a member added. Its row stays and records who and when; 409 if the person opted out."""
        row = OptOut.objects.of(user_of(request)).filter(pk=id).first()
        if row is None:
            raise Http404
        if not opt_outs.lift_opt_out(row, user_of(request)):
            row.refresh_from_db()
            if row.lifted_at is None:
                raise PersonStopped
        row.refresh_from_db()
        return Response(OptOutSerializer(row).data)


urlpatterns = [
    path("opt-outs/", OptOuts.as_view(), name="opt-outs"),
    path("opt-outs/<int:id>/", OneOptOut.as_view(), name="opt-out"),
]

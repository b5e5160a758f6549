"""What a business's WhatsApp accounts may do, over HTTP."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import ERRORS, BusinessField, parse_query

from ..models import AccountStanding, ProviderAccount
from ..standing import count_sent_lately, warnings_of
from ..standing.limits import UNLIMITED
from ..standing.restrictions import describe_restriction, is_in_force


class AccountQuery(serializers.Serializer[Any]):
    business = BusinessField()


class RestrictionSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(allow_blank=True)
    until = serializers.CharField(allow_blank=True)
    words = serializers.SerializerMethodField()

    def get_words(self, restriction: dict[str, str]) -> str:
        return describe_restriction(restriction, self.context["zone"])


class StandingSerializer(serializers.ModelSerializer[AccountStanding]):
    """`daily_limit` is null while it is unknown, and where there is no limit (`is_unlimited`)."""

    quality_label = serializers.CharField(source="get_quality_display")
    daily_limit = serializers.SerializerMethodField()
    is_unlimited = serializers.SerializerMethodField()
    restrictions = serializers.SerializerMethodField()

    class Meta:
        model = AccountStanding
        fields = [
            *("display_number", "quality", "quality_label", "quality_at", "daily_limit", "is_unlimited"),
            *("daily_limit_at", "restrictions", "restrictions_at", "can_send", "can_send_reason"),
            *("checked_at", "problem"),
        ]

    def get_daily_limit(self, standing: AccountStanding) -> int | None:
        return None if standing.daily_limit == UNLIMITED else standing.daily_limit

    def get_is_unlimited(self, standing: AccountStanding) -> bool:
        return standing.daily_limit == UNLIMITED

    @extend_schema(responses=RestrictionSerializer(many=True))
    def get_restrictions(self, standing: AccountStanding) -> list[dict[str, Any]]:
        in_force = [each for each in standing.restrictions if is_in_force(each)]
        context = {"zone": standing.account.business.zone}
        return [dict(each) for each in RestrictionSerializer(in_force, many=True, context=context).data]


class AccountSerializer(serializers.ModelSerializer[ProviderAccount]):
    """`standing` is null for an account of which nothing is known yet."""

    standing = StandingSerializer(allow_null=True, default=None)
    sent_lately = serializers.SerializerMethodField(help_text="By broadcasts that began within 24 hours.")
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = ProviderAccount
        fields = ["id", "name", "kind", "standing", "sent_lately", "warnings"]

    def get_sent_lately(self, account: ProviderAccount) -> int:
        return count_sent_lately(account)

    def get_warnings(self, account: ProviderAccount) -> list[str]:
        return warnings_of(account)


class Accounts(APIView):
    @extend_schema(parameters=[AccountQuery], responses={200: AccountSerializer(many=True), **ERRORS})
    def get(self, request: Request) -> Response:
        """A business's WhatsApp accounts, by name: their quality, limit and restrictions, each with its time."""
        business = parse_query(AccountQuery, request)["business"]
        rows = ProviderAccount.objects.filter(business=business).select_related("standing", "business")
        return Response(AccountSerializer(rows.order_by("name", "pk"), many=True).data)


urlpatterns = [path("accounts/", Accounts.as_view(), name="whatsapp-accounts")]

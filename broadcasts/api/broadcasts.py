"""One broadcast over HTTP: its status, and retries of its recipients."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import (
    ERRORS,
    REFUSALS,
    FlagField,
    RunSerializer,
    get_run_or_404,
    parse_body,
    run_json,
    run_response,
    serialize_run,
    user_of,
)
from runs.api.errors import ActionNotAllowed
from runs.exceptions import WrongStatus
from runs.lifecycle import retry_items
from runs.models import Run

from ..models import Retryable, WhatsAppBroadcast


@extend_schema_field({"type": "boolean", "enum": [True]})
class ConfirmationField(FlagField): ...


class RetryUnknownRequest(serializers.Serializer[Any]):
    """Recipients whose outcome is unknown may receive the message twice: `confirm` accepts that."""

    confirm = ConfirmationField()

    def validate_confirm(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError(_("Confirm that some of them may receive the message twice."))
        return value


class RetryableSerializer(serializers.Serializer[Retryable]):
    """Of the recipients whose message failed."""

    now = serializers.IntegerField()
    later = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="When the first of the later ones may be.")
    never = serializers.IntegerField(help_text="By a retry, or tried again already.")


class BroadcastView(APIView):
    def get_broadcast(self, id: int) -> Run:  # noqa: A002  named as in the URL
        """Raises `Http404`."""
        return get_run_or_404(WhatsAppBroadcast, id, self.request.user)


class BroadcastStatus(BroadcastView):
    @extend_schema(responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002
        """One broadcast."""
        return Response(serialize_run(self.get_broadcast(id)))


class RetryableRecipients(BroadcastView):
    @extend_schema(responses={200: RetryableSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002
        """How many of the failed recipients a retry would reach now, and when it would reach others."""
        run = self.get_broadcast(id)
        assert isinstance(run, WhatsAppBroadcast)  # noqa: S101  for the type checker
        return Response(RetryableSerializer(run.retryable()).data)


class RetryUnknown(BroadcastView):
    @extend_schema(request=RetryUnknownRequest, responses={202: RunSerializer, **REFUSALS, **ERRORS})
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """Start a new broadcast to the recipients of this one whose outcome is unknown."""
        run = self.get_broadcast(id)
        parse_body(RetryUnknownRequest, request)
        assert isinstance(run, WhatsAppBroadcast)  # noqa: S101  for the type checker
        try:
            again = retry_items(run, run.unknown_items, user_of(request))
        except WrongStatus as error:
            raise ActionNotAllowed(run_json(run)) from error
        return run_response(again, status.HTTP_202_ACCEPTED)

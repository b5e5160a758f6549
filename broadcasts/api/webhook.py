"""The address that Meta sends webhooks to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pywa.utils import HUB_CH, HUB_SIG, HUB_VT
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import ERRORS, ErrorSerializer
from runs.api.errors import TooManyRequests
from runs.api.requests import MAX_NESTING, raise_for_unstorable
from runs.sign_in.address import client_address
from runs.throttling import return_permit, take_permit_or_get_wait
from runs.unstorable import find_unstorable, is_nested_deeper

from ..models import ProviderAccount
from ..webhooks.receive import apply_payload
from ..webhooks.signatures import SIGNATURE, all_accounts, find_signers, is_verify_token, named_accounts

UNNAMED = "webhook"  # the throttle's scope
_VERIFICATION = [OpenApiParameter(name, str) for name in ("hub.mode", HUB_VT, HUB_CH)]


class Webhook(APIView):
    """A request signed with an account's app secret may report on that account only."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(parameters=_VERIFICATION, responses={(200, "text/plain"): str, 403: ERRORS[403]})
    def get(self, request: Request) -> HttpResponse:
        """Meta verifies that the address is ours."""
        query: Mapping[str, str] = request.query_params
        if query.get("hub.mode") != "subscribe" or not is_verify_token(query.get(HUB_VT, "")):
            raise PermissionDenied
        return HttpResponse(query.get(HUB_CH, ""), content_type="text/plain")

    @extend_schema(
        parameters=[OpenApiParameter(HUB_SIG, str, OpenApiParameter.HEADER)],
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiResponse(description="Noted"), **dict.fromkeys((400, 403, 429), ErrorSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Statuses of messages, and messages from people. Events of other accounts are answered with 200 too.

        A payload with characters that can't be stored is cleaned, not refused: Meta would send it again for days.
        """
        payload = parse_payload(request._request.body)
        signers = self.find_signers(payload, request)
        if not signers:
            raise_for_unstorable(find_unstorable(payload))
            raise PermissionDenied
        apply_payload(payload, signers)
        return Response()

    def find_signers(self, payload: Any, request: Request) -> list[ProviderAccount]:
        """Among the accounts that the payload names, or among all where it names none of ours.

        Those may be thousands, so an address that was wrong too often has to wait. Raises `TooManyRequests`.
        """
        body, signature = request._request.body, request.headers.get(HUB_SIG, "")
        if not SIGNATURE.fullmatch(signature):
            return []
        if named := named_accounts(payload):
            return find_signers(named, body, signature)
        address = client_address(request._request)
        if wait := take_permit_or_get_wait(UNNAMED, address):
            raise TooManyRequests(wait)
        signers = find_signers(all_accounts(), body, signature)
        if signers:
            return_permit(UNNAMED, address)
        return signers


def parse_payload(body: bytes) -> Any:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return None if is_nested_deeper(payload, MAX_NESTING) else payload

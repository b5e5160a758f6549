"""A business over HTTP: the caller's own ones, and the reset of one's runs."""

from __future__ import annotations

from django.utils.translation import ngettext
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..lifecycle.reset import reset_progress
from ..models import Membership
from ..models.audit import Actor
from . import inputs, outputs
from .parsing import parse_body
from .permissions import business_to_reset
from .run_responses import ERRORS, user_of


class BusinessList(APIView):
    @extend_schema(responses=outputs.MembershipSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The caller's own businesses, by name."""
        own = Membership.objects.filter(user=user_of(request)).select_related("business")
        rows = own.order_by("business__name", "business_id")
        return Response(outputs.MembershipSerializer(rows, many=True).data)


class ResetProgress(APIView):
    @extend_schema(
        request=inputs.ResetRequest,
        responses={200: outputs.ResetAnswer, **ERRORS},
    )
    def post(self, request: Request, business_id: int) -> Response:
        """Mark a business's active runs failed. For staff with `runs.reset_progress`."""
        business = business_to_reset(request.user, business_id)
        body = parse_body(inputs.ResetRequest, request)
        types = [model.slug for model in body.get("types") or ()]
        actor = Actor.user(request.user, "staff")
        reset = reset_progress(business, types, body["only_stale"], actor=actor, reason=body["reason"])
        return Response(
            {
                "success": True,
                "message": ngettext(
                    "Successfully reset %(count)d stuck run", "Successfully reset %(count)d stuck runs", reset.count
                )
                % {"count": reset.count},
                "reset_count": reset.count,
                "by_type": reset.by_type,
            }
        )

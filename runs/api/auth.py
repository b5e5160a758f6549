"""Tokens for clients that aren't browsers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, logout, user_logged_in
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import serializers as shapes
from .errors import LockedOut
from .requests import BearerAuthentication


class Login(APIView):
    # Whatever old credentials come along, they neither help nor hinder.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return str(BearerAuthentication().authenticate_header(request))

    @extend_schema(
        request=shapes.LoginRequest,
        responses={200: shapes.TokenSerializer, 401: shapes.ErrorSerializer, 429: shapes.ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """A bearer token for a user name and password."""
        user = _authenticate(request._request, shapes.said(shapes.LoginRequest, request))
        kept, token = AuthToken.objects.create(user)
        user_logged_in.send(sender=type(user), request=request._request, user=user)
        return Response(shapes.TokenSerializer({"token": token, "expiry": kept.expiry}).data)


def _authenticate(request: HttpRequest, credentials: dict[str, Any]) -> Any:
    """Raises `LockedOut`, `AuthenticationFailed`; unknown names and wrong passwords look the same."""
    user = authenticate(request, **credentials)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # or its middleware would answer, in HTML
        raise LockedOut
    if user is None:
        raise AuthenticationFailed(_("Wrong user name or password."), code="wrong_credentials")
    return user


class Logout(APIView):
    @extend_schema(request=None, responses={204: OpenApiResponse(description="Done"), 403: shapes.ErrorSerializer})
    def post(self, request: Request) -> Response:
        """Forget the token that made this call, or the browser's session."""
        if request.auth is not None:
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)

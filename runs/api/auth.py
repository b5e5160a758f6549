"""Tokens for clients that aren't browsers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, logout, update_session_auth_hash, user_logged_in
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..sign_in.password import verify_password
from ..sign_in.sign_out import sign_out_everywhere
from . import inputs, outputs
from .errors import LockedOut
from .parsing import parse_body
from .requests import BearerAuthentication, SmallJSONParser
from .run_responses import user_of
from .tokens import delete_expired

DONE = OpenApiResponse(description="Done")


class WrongCredentials(AuthenticationFailed):
    default_code = "wrong_credentials"
    default_detail = _("Wrong user name or password.")


class Login(APIView):
    # An expired token or session that comes with the request must not make it fail.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return str(BearerAuthentication().authenticate_header(request))

    @extend_schema(
        request=inputs.LoginRequest,
        responses={200: outputs.TokenSerializer, 401: outputs.ErrorSerializer, 429: outputs.ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """A bearer token for a user name and password."""
        user = authenticate_or_refuse(request._request, parse_body(inputs.LoginRequest, request))
        stored, token = create_token(user)
        user_logged_in.send(sender=type(user), request=request._request, user=user)
        return Response(outputs.TokenSerializer({"token": token, "expiry": stored.expiry}).data)


def authenticate_or_refuse(request: HttpRequest, credentials: dict[str, Any]) -> Any:
    """Raises `LockedOut` or `WrongCredentials`, the same for an unknown name and for a wrong password."""
    user = authenticate(request, **credentials)
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # otherwise the middleware of axes replaces the response by HTML
        raise LockedOut
    if user is None:
        raise WrongCredentials
    return user


def create_token(user: User) -> tuple[AuthToken, str]:
    """Also deletes those of the user's tokens that have expired.

    Raises `WrongCredentials` when the password has changed since it was checked: its tokens have ended.
    """
    with transaction.atomic():
        unchanged = User.objects.select_for_update(no_key=True).filter(pk=user.pk, password=user.password)
        if not unchanged:
            raise WrongCredentials
        delete_expired(user)
        token: tuple[AuthToken, str] = AuthToken.objects.create(user)
        return token


class Logout(APIView):
    parser_classes = (SmallJSONParser, FormParser, MultiPartParser)  # many clients send an empty form

    @extend_schema(
        request={"application/json": inputs.LogoutRequest},
        responses={204: DONE, 400: outputs.ErrorSerializer, 403: outputs.ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Forget the token that made this call, or the browser's session; with `all`, everything of the caller."""
        if parse_body(inputs.LogoutRequest, request)["all"]:
            sign_out_everywhere(user_of(request))
        if request.auth is not None:
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Password(APIView):
    @extend_schema(
        request=inputs.PasswordRequest,
        responses={204: DONE, **dict.fromkeys((400, 403, 429), outputs.ErrorSerializer)},
    )
    def post(self, request: Request) -> Response:
        """Change the caller's password. All tokens end, also the one that made this call, and all other sessions."""
        body = parse_body(inputs.PasswordRequest, request)
        user = user_of(request)
        if not verify_password(user, body["password"]):
            raise ValidationError({"password": _("This isn't your current password.")}, "wrong_password")
        user.set_password(body["new_password"])
        user.save(update_fields=["password"])
        if request.auth is None:
            update_session_auth_hash(request._request, user)
        return Response(status=status.HTTP_204_NO_CONTENT)

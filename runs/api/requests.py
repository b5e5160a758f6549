"""How requests are read: tokens and bodies, so that no bytes of a client become a server error."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.db import Error
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser

from ..database import is_database_away
from ..unstorable import Unstorable, is_nested_deeper
from .errors import TooLarge

# Deeper than any request of ours; what reads, compares or quotes a value calls itself once a level.
MAX_NESTING = 32


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """`Authorization: Bearer <token>`; tokens expire and only their hashes are stored."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum():  # knox would fail on bytes that are no text
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)

    def _cleanup_token(self, auth_token: Any) -> bool:
        """Has it expired? Knox deletes those that have: a read-only database must be readable all the same."""
        try:
            return bool(super()._cleanup_token(auth_token))
        except Error as error:
            if not is_database_away(error):
                raise
            return bool(AuthToken.objects.filter(pk=auth_token.pk, expiry__lte=Now()).exists())


class SmallJSONParser(JSONParser):
    """JSON is UTF-8 whatever the header claims; not endless, and not nested without end."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            data = super().parse(BytesIO(body), media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as error:
            raise NestedTooDeeply from error
        if is_nested_deeper(data, MAX_NESTING):
            raise NestedTooDeeply
        return data


class NestedTooDeeply(ParseError):
    default_detail = _("The JSON is nested too deeply.")


def raise_for_unstorable(unstorable: Unstorable | None) -> None:
    """Raises `ValidationError` naming the field, if there is one to refuse."""
    if unstorable:
        error = ErrorDetail(str(unstorable.message), unstorable.code)
        raise ValidationError({unstorable.field: [error]} if unstorable.field else [error])

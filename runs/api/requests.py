"""Tokens and JSON bodies, parsed so that no bytes that a client sends become a server error."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import JSONParser

from ..unstorable import Unstorable, is_nested_deeper
from .errors import TooLarge
from .tokens import fetch_token

# Deeper than any valid request; functions that recurse through a value would exceed Python's limit otherwise.
MAX_NESTING = 32


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """`Authorization: Bearer <token>`; tokens expire and only their hashes are stored."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """One statement that writes nothing. Knox's own reads, and deletes, all expired tokens of the caller too."""
        found = fetch_token(token.decode()) if token.isalnum() else None  # of bytes, so it is ASCII
        if found is None:
            raise AuthenticationFailed(_("Invalid token."))
        return self.validate_user(found)  # type: ignore[no-any-return]


class SmallJSONParser(JSONParser):
    """UTF-8 whatever charset the header names, with a limit of size and of nesting."""

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


def declared_length(header: str | None) -> int:
    """The body's length in bytes, as Content-Length has it."""
    try:
        return int(header or 0)
    except ValueError:  # Django reads it as 0 too
        return 0


class NestedTooDeeply(ParseError):
    default_detail = _("The JSON is nested too deeply.")


def raise_for_unstorable(unstorable: Unstorable | None) -> None:
    """Raises `ValidationError` with the field's name, unless it is None."""
    if unstorable:
        error = ErrorDetail(str(unstorable.message), unstorable.code)
        raise ValidationError({unstorable.field: [error]} if unstorable.field else [error])

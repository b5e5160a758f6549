"""Bearer tokens as they are stored: by their hashes, with their users, until they expire by the database's clock."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, TextField
from django.db.models.functions import Now
from knox.crypto import hash_token
from knox.models import AuthToken

from ..models.compiled_query import CompiledQuery, column_names, placeholder

UNEXPIRED: Final = Q(expiry__gt=Now()) | Q(expiry=None)


def fetch_token(token: str) -> AuthToken | None:
    """The token with its user; None for one that has expired, or never was. One statement, made once."""
    token_fields, user_fields = column_names(AuthToken), column_names(User)
    for row in compile_token().fetch({"digest": hash_token(token)}):
        found = AuthToken.from_db(connection.alias, token_fields, row[: len(token_fields)])
        found.user = User.from_db(connection.alias, user_fields, row[len(token_fields) :])
        return found
    return None


@cache
def compile_token() -> CompiledQuery:
    rows = AuthToken.objects.filter(UNEXPIRED, digest=placeholder("digest", TextField()))
    of_user = (f"user__{name}" for name in column_names(User))
    return CompiledQuery.of(rows.values_list(*column_names(AuthToken), *of_user))


def delete_expired(user: Any) -> None:
    AuthToken.objects.filter(user=user, expiry__lte=Now()).delete()

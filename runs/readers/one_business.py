"""One business as a member names it, by one statement whose SQL is made once."""

from __future__ import annotations

from functools import cache

from django.db import connection
from django.db.models import Q, SlugField

from ..models import Business
from ..models.compiled_query import CompiledQuery, column_names, placeholder
from ..numbers import parse_row_id


def fetch_own_business(member: int, id_or_slug: str) -> Business | None:
    """As `find()` among the businesses of the user with the id `member`."""
    pk = parse_row_id(id_or_slug)
    rows = compile_own_business().fetch({"member": member, "slug": id_or_slug, "id": pk})
    found = [Business.from_db(connection.alias, column_names(Business), row) for row in rows]
    return max(found, key=lambda business: business.pk == pk, default=None)


@cache
def compile_own_business() -> CompiledQuery:
    is_named = Q(pk=placeholder("id")) | Q(slug=placeholder("slug", SlugField()))
    rows = Business.objects.with_member(placeholder("member")).filter(is_named)
    return CompiledQuery.of(rows.order_by().values_list(*column_names(Business)))

"""The filter of a list by business, where there are few enough to choose from at a glance."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin import RelatedFieldListFilter
from django.http import HttpRequest

from ..models import Business

MOST: Final = 100


class BusinessFilter(RelatedFieldListFilter):
    """Without choices where there are more: their names would be most of each page. Links that name one still work."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        names = list(Business.objects.order_by("name").values_list("pk", "name")[: MOST + 1])
        return names if len(names) <= MOST else []

"""The filter of a list by business, where there are few enough to choose from at a glance."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin import RelatedFieldListFilter
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ..models import Business

MOST: Final = 100


class BusinessFilter(RelatedFieldListFilter):
    """Where there are more, their names would be most of each page: it offers only the one that a link has chosen."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        names = Business.objects.order_by("name").values_list("pk", "name")
        found = list(names[: MOST + 1])
        if len(found) <= MOST:
            return found
        try:
            return list(names.filter(pk__in=self.lookup_val or []))
        except (ValueError, ValidationError):  # no number: Django answers what it answers for any wrong filter
            return []

    def has_output(self) -> bool:
        """Django applies no filter that has nothing to show. Rows without a business are always offered."""
        return bool(self.lookup_val or self.include_empty_choice) or super().has_output()

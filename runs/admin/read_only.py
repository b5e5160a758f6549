"""Admin of rows that staff can only view."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .theme import InfinitePaginator, ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    ordering = ("-id",)
    # Nothing is counted, neither what a list shows nor the whole table: at ten million rows that takes seconds.
    paginator = InfinitePaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

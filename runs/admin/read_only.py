"""Admin of rows that staff can only view."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .theme import ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    ordering = ("-id",)
    # Otherwise every filtered list would also count the whole table.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""Secrets of accounts: they go in and never come out; left blank, the stored ones stay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .look import ModelAdmin, PasswordInput


class SecretField(forms.CharField):
    """The form's own `clean` keeps the stored secret where this is blank."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            strip=False,
            required=False,
            widget=PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
            help_text=_("Stored encrypted and never shown. Leave blank to keep the present one."),
        )


class AccountAdmin(ModelAdmin):
    """An account of a business, edited by a form with `SecretField`s."""

    list_select_related = ("business",)
    autocomplete_fields = ("business",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Who may only look gets read-only values, and secrets are not for looking at."""
        form: Any = self.form
        fields = list(form.Meta.fields)
        if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
            return fields
        return [name for name in fields if not isinstance(form.base_fields[name], SecretField)]

"""Secrets of accounts can be written and never read. A blank field keeps the secret, unless its destination changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .theme import ModelAdmin, PasswordInput

TYPE_AGAIN = _("Type it again: this change would send it to another server or account.")


class SecretField(forms.CharField):
    """`AccountForm` keeps the stored secret where this is blank."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            strip=False,
            required=False,
            widget=PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
            help_text=_("Stored encrypted and never shown. Leave blank to keep the current one."),
        )


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """An account with `SecretField`s.

    The fields in `goes_to` decide where the secrets are sent, and as whom. When one of them changes, the stored secrets
    are dropped and must be typed again: otherwise an editor could send them to their own server and read them there.
    """

    goes_to: ClassVar[Collection[str]]
    missing: ClassVar[Any]  # the error for a required secret that was never given

    def needed(self) -> Collection[str]:
        """Names of the fields that this account requires, by the form's other values."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        is_moved = any(name in self.changed_data for name in self.goes_to)
        stored = {name: getattr(self.instance, name) or "" for name in self.secret_names()}
        for name, secret in stored.items():
            cleaned[name] = cleaned.get(name) or ("" if is_moved else secret)
        for name in self.needed():
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, TYPE_AGAIN if stored.get(name) else self.missing)
        return cleaned

    @classmethod
    def secret_names(cls) -> list[str]:
        return [name for name, field in cls.base_fields.items() if isinstance(field, SecretField)]


class AccountAdmin(ModelAdmin):
    """An account of a business, edited by an `AccountForm`."""

    list_select_related = ("business",)
    autocomplete_fields = ("business",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Without secrets for those who have only the view permission: they get values, not inputs."""
        form: Any = self.form
        fields = list(form.Meta.fields)
        if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
            return fields
        return [name for name in fields if name not in form.secret_names()]

"""Accounts of businesses elsewhere: secrets that are never shown, fields by kind, and the test of the connection.

A secret can be written and never read. A blank field keeps it, unless its destination changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

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


def shown_for(fields_of_kind: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Unfold's `conditional_fields`, of accounts whose fields differ by `kind`. Who may only look has no such input."""
    return {
        name: f"typeof kind === 'undefined' || kind === '{kind}'"
        for kind, names in fields_of_kind.items()
        for name in names
    }


class AccountAdmin(ModelAdmin):
    """An account of a business, edited by an `AccountForm`."""

    list_select_related = ("business",)
    autocomplete_fields = ("business",)
    test_hint: Any = ""  # what the test can't know
    change_form_outer_after_template = "admin/runs/test_connection.html"

    def find_problem(self, account: Any) -> str:
        """Why the account can't be used as it is stored, in the reader's language; empty when it answers as it should.

        Called outside of a transaction: the other side may take its time.
        """
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = require_POST(self.admin_site.admin_view(self.test_connection))
        return [path("<int:pk>/test-connection/", view, name=f"{self.model_name()}_test"), *super().get_urls()]

    def model_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def test_connection(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = get_object_or_404(self.model, pk=pk)
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        if problem := self.find_problem(account):
            messages.error(request, _("The connection doesn't work: %(problem)s") % {"problem": problem})
        else:
            messages.success(request, _("The connection works."))
        return HttpResponseRedirect(reverse(f"admin:{self.model_name()}_change", args=[pk]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        account = context.get("original")
        if account and self.has_change_permission(request, account):
            context["test_hint"] = self.test_hint
            context["test_url"] = reverse(f"admin:{self.model_name()}_test", args=[account.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Its business never changes: runs of the old one go on with the account, and would use another's secrets."""
        return [*super().get_readonly_fields(request, obj), *(["business"] if obj else [])]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Without secrets for those who have only the view permission: they get values, not inputs."""
        form: Any = self.form
        fields = list(form.Meta.fields)
        if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
            return fields
        return [name for name in fields if name not in form.secret_names()]

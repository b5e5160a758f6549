"""Mailboxes, their syncs and the receipts found, as staff see them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from runs.admin import RunAdmin
from runs.admin.look import ModelAdmin, PasswordInput

from .models import Mailbox, Receipt, ReceiptSyncRun

admin.site.register(ReceiptSyncRun, RunAdmin)


class MailboxForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The secret goes in and never comes out; left blank, the stored one stays."""

    secret = forms.CharField(
        label=_("Password or token"),
        strip=False,
        required=False,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=_("Stored encrypted and never shown. Leave blank to keep the present one."),
    )

    class Meta:
        model = Mailbox
        fields = ("business", "name", "host", "port", "security", "auth", "username", "secret", "folder")

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        if not secret and self.instance.pk is None:
            raise forms.ValidationError(_("A new mailbox needs its password or token."))
        return secret or self.instance.secret


@admin.register(Mailbox)
class MailboxAdmin(ModelAdmin):
    form = MailboxForm
    list_display = ("name", "business", "username", "host", "folder")
    list_filter = ("business",)
    list_select_related = ("business",)
    search_fields = ("name", "username", "host", "business__name")
    autocomplete_fields = ("business",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Who may only look gets read-only values, and this one is not for looking at."""
        fields = list(MailboxForm.Meta.fields)
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fields if may_write else [name for name in fields if name != "secret"]


@admin.register(Receipt)
class ReceiptAdmin(ModelAdmin):
    list_display = ("id", "business", "vendor", "amount", "currency", "issued_on", "invoice_number", "needs_review")
    list_filter = ("needs_review", "currency", "business")
    list_select_related = ("business",)
    search_fields = ("=id", "vendor", "invoice_number")
    ordering = ("-id",)
    show_full_result_count = False
    # Files are private: no URL leads to them from here.
    exclude = ("file", "attachment_sha256")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

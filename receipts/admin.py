"""Mailboxes, their syncs and the receipts found, as staff see them."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from runs.admin import AccountAdmin, ReadOnlyAdmin, RunAdmin, SecretField

from .models import Mailbox, Receipt, ReceiptSyncRun

admin.site.register(ReceiptSyncRun, RunAdmin)


class MailboxForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The secret goes in and never comes out; left blank, the stored one stays."""

    secret = SecretField(_("Password or token"))

    class Meta:
        model = Mailbox
        fields = ("business", "name", "host", "port", "security", "auth", "username", "secret", "folder")

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        if not secret and self.instance.pk is None:
            raise forms.ValidationError(_("A new mailbox needs its password or token."))
        return secret or self.instance.secret


@admin.register(Mailbox)
class MailboxAdmin(AccountAdmin):
    form = MailboxForm
    list_display = ("name", "business", "username", "host", "folder")
    list_filter = ("business",)
    search_fields = ("name", "username", "host", "business__name")


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("id", "business", "vendor", "amount", "currency", "issued_on", "invoice_number", "needs_review")
    list_filter = ("needs_review", "currency", "business")
    list_select_related = ("business",)
    search_fields = ("=id", "vendor", "invoice_number")
    # Files are private: no URL leads to them from here.
    exclude = ("file", "attachment_sha256")

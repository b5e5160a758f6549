"""Mailboxes, their syncs and the receipts found, as staff see them."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from runs.admin import AccountAdmin, AccountForm, ReadOnlyAdmin, RunAdmin, SecretField

from .models import Mailbox, Receipt, ReceiptSyncRun

admin.site.register(ReceiptSyncRun, RunAdmin)


class MailboxForm(AccountForm):
    goes_to = ("host", "port", "security", "username")
    missing = _("A new mailbox needs its password or token.")

    secret = SecretField(_("Password or token"))

    class Meta:
        model = Mailbox
        fields = ("business", "name", "host", "port", "security", "auth", "username", "secret", "folder")

    def needed(self) -> Collection[str]:
        return ("secret",)


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

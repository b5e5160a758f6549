"""Mailboxes, their syncs and the receipts found, as staff see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from runs.admin import (
    AccountAdmin,
    AccountForm,
    BusinessFilter,
    Entry,
    ReadOnlyAdmin,
    RunAdmin,
    SecretField,
    register_group,
)
from runs.admin.theme import TabularInline
from runs.exceptions import RunRejected

from .mailbox.account import InboxUnreachable
from .mailbox.connection import close_connection, connect
from .models import Mailbox, Receipt, ReceiptCorrection, ReceiptSyncRun

register_group(
    "receipts",
    _("Receipts"),
    [Entry(ReceiptSyncRun, "sync"), Entry(Receipt, "receipt_long"), Entry(Mailbox, "mail")],
)

TEST_SECONDS = 10.0  # for each command


@admin.register(ReceiptSyncRun)
class ReceiptSyncRunAdmin(RunAdmin):
    def result_links(self, run: ReceiptSyncRun) -> list[tuple[Any, str]]:
        return [(_("Its receipts"), f"{reverse('receipts', args=[run.business.slug])}?run={run.pk}#receipts")]


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
    list_filter = (("business", BusinessFilter),)
    search_fields = ("name", "username", "host", "business__name")

    def find_problem(self, account: Mailbox) -> str:
        try:
            close_connection(connect(replace(account.build_imap_account(), timeout=TEST_SECONDS)))
        except (RunRejected, InboxUnreachable) as error:
            return str(error)
        return ""


class CorrectionInline(TabularInline):
    """Who changed what: for reading only."""

    model = ReceiptCorrection
    fields = readonly_fields = ("created_at", "user_name", "field_label", "old_label", "new_label")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("field"))
    def field_label(self, correction: ReceiptCorrection) -> str:
        return correction.field_label

    @admin.display(description=_("before"))
    def old_label(self, correction: ReceiptCorrection) -> str:
        return correction.old_label

    @admin.display(description=_("after"))
    def new_label(self, correction: ReceiptCorrection) -> str:
        return correction.new_label


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "business",
        "vendor",
        "amount",
        "currency",
        "issued_on",
        "invoice_number",
        "is_refund",
        "review_status",
        "duplicate_of_id",
    )
    list_filter = (
        "needs_review",
        "review_status",
        ("duplicate_of", admin.EmptyFieldListFilter),
        "is_refund",
        "currency",
        ("business", BusinessFilter),
    )
    list_select_related = ("business",)
    search_fields = ("=id", "vendor", "invoice_number")
    inlines = (CorrectionInline,)
    # Files are private: no URL leads to them from here.
    exclude = ("file", "attachment_sha256", "review_reasons")
    readonly_fields = ("review_status", "reasons", "duplicate_of", "created_at")

    @admin.display(description=_("reasons for review"))
    def reasons(self, receipt: Receipt) -> str:
        return " ".join(message or code for code, message in receipt.explained_reasons())

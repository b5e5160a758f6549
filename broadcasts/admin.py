"""WhatsApp accounts, broadcasts, recipients and opt-outs, as staff see them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
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
    shown_for,
)
from runs.admin.theme import ModelAdmin, TextInput
from runs.numbers import format_number

from . import opt_outs
from .models import AccountStanding, OptOut, OutboxMessage, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import REGIONS, to_e164
from .standing.check import check_account
from .tasks import check_account_soon

register_group(
    "broadcasts",
    _("Broadcasts"),
    [
        Entry(WhatsAppBroadcast, "campaign"),
        Entry(Recipient, "contacts"),
        Entry(ProviderAccount, "account_box"),
        Entry(OptOut, "unsubscribe"),
        Entry(OutboxMessage, "outbox"),
    ],
)


@admin.register(WhatsAppBroadcast)
class BroadcastAdmin(RunAdmin):
    internal_fields = ("paused_since",)

    def result_links(self, run: WhatsAppBroadcast) -> list[tuple[Any, str]]:
        return [
            (_("The broadcast and its recipients"), f"{reverse('broadcasts', args=[run.business.slug])}?run={run.pk}")
        ]


SECRETS = {
    "token": _("Access token"),
    "app_secret": _("App secret"),
    "verify_token": _("Webhook's verify token"),
}


class ProviderAccountForm(AccountForm):
    goes_to = ("kind", "phone_number_id")
    missing = _("WhatsApp needs it.")

    token = SecretField(SECRETS["token"])
    app_secret = SecretField(SECRETS["app_secret"])
    verify_token = SecretField(SECRETS["verify_token"])

    class Meta:
        model = ProviderAccount
        fields = (
            *("business", "name", "kind", "phone_number_id", "waba_id", *SECRETS),
            *("country", "rate", "delay", "failure_rate"),
        )

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country not in REGIONS:
            raise forms.ValidationError(_("Two letters, such as IL."))
        return country

    def needed(self) -> Collection[str]:
        is_meta = self.cleaned_data.get("kind") == ProviderAccount.Kind.META
        return ("phone_number_id", *SECRETS) if is_meta else ()


@admin.register(ProviderAccount)
class ProviderAccountAdmin(AccountAdmin):
    form = ProviderAccountForm
    conditional_fields = shown_for(
        {
            ProviderAccount.Kind.META: ("phone_number_id", "waba_id", *SECRETS),
            ProviderAccount.Kind.OUTBOX: ("delay", "failure_rate"),
        }
    )
    list_display = ("name", "business", "kind", "phone_number_id", "rate", "quality", "daily_limit")
    list_filter = ("kind", ("business", BusinessFilter))
    list_select_related = ("business", "standing")  # type: ignore[assignment]
    search_fields = ("name", "phone_number_id", "business__name")

    def save_model(self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.kind == ProviderAccount.Kind.META:
            transaction.on_commit(partial(check_account_soon, obj.pk))

    def find_problem(self, account: ProviderAccount) -> str:
        """The check stores what Meta answers, or the problem. An outbox is always there."""
        if account.kind != ProviderAccount.Kind.META or check_account(account):
            return ""
        return AccountStanding.objects.get(account=account).problem

    @admin.display(description=_("quality"))
    def quality(self, account: ProviderAccount) -> str:
        standing = getattr(account, "standing", None)
        return standing.get_quality_display() if standing else "–"

    @admin.display(description=_("messages a day"))
    def daily_limit(self, account: ProviderAccount) -> str:
        standing = getattr(account, "standing", None)
        if standing is None or standing.daily_limit is None:
            return "–"
        return (
            str(_("unlimited")) if standing.daily_limit == standing.UNLIMITED else format_number(standing.daily_limit)
        )


@admin.register(Recipient)
class RecipientAdmin(ReadOnlyAdmin):
    list_display = ("id", "phone", "broadcast", "status", "delivery", "error_code", "message_id")
    list_filter = ("status", "delivery")
    list_select_related = ("run",)
    search_fields = ("=run__id", "=phone", "=message_id")
    search_help_text = _("By broadcast's number, phone or message id")

    @admin.display(description=_("broadcast"), ordering="run")
    def broadcast(self, recipient: Recipient) -> str:
        return str(recipient.run)


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "account", "phone", "text", "created_at")
    list_filter = ("account",)
    list_select_related = ("account",)
    search_fields = ("=phone", "=message_id")


class OptOutForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    phone = forms.CharField(label=_("Phone"), widget=TextInput(), help_text=_("With its country: +972…"))

    class Meta:
        model = OptOut
        fields = ("business", "phone", "words")

    def clean_phone(self) -> str:
        phone = to_e164(self.cleaned_data["phone"], "ZZ")
        if phone is None:
            raise forms.ValidationError(_("Not a phone number."))
        return phone

    def _get_validation_exclusions(self) -> set[str]:
        """`clean_phone` validates the number; uniqueness isn't checked, so that a lifted opt-out can be added again."""
        return {*super()._get_validation_exclusions(), "phone"}  # type: ignore[misc]


@admin.register(OptOut)
class OptOutAdmin(ModelAdmin):
    """Staff add and lift opt-outs as members do. Only the person lifts an opt-out of their own. None is deleted."""

    form = OptOutForm
    list_display = ("phone", "business", "source", "words", "created_at", "added_by", "lifted_at", "lifted_by")
    list_filter = ("source", ("business", BusinessFilter))
    list_select_related = ("business", "added_by", "lifted_by")
    search_fields = ("phone",)
    autocomplete_fields = ("business",)
    actions = ("take_back",)

    def save_model(self, request: HttpRequest, obj: OptOut, form: Any, change: bool) -> None:
        row, _is_changed = opt_outs.add_opt_out(obj.business, obj.phone, obj.words, request.user)  # type: ignore[arg-type]
        obj.pk = row.pk

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)  # Django shows the list's action only with it

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Take back what members have added"), permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: Any) -> None:
        count = sum(opt_outs.lift_opt_out(row, request.user) for row in queryset)  # type: ignore[arg-type]
        self.message_user(request, _("Taken back: %(count)d.") % {"count": count})

"""WhatsApp accounts, broadcasts, recipients and opt-outs, as staff see them."""

from __future__ import annotations

from collections.abc import Collection

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from runs.admin import AccountAdmin, AccountForm, ReadOnlyAdmin, RunAdmin, SecretField
from runs.admin.look import ModelAdmin, TextInput

from .models import OptOut, OutboxMessage, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import REGIONS, e164

admin.site.register(WhatsAppBroadcast, RunAdmin)

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
        fields = ("business", "name", "kind", "phone_number_id", *SECRETS, "country", "rate", "delay", "failure_rate")

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
    list_display = ("name", "business", "kind", "phone_number_id", "rate")
    list_filter = ("kind", "business")
    search_fields = ("name", "phone_number_id", "business__name")


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
        phone = e164(self.cleaned_data["phone"], "ZZ")
        if phone is None:
            raise forms.ValidationError(_("Not a phone number."))
        return phone


@admin.register(OptOut)
class OptOutAdmin(ModelAdmin):
    """Deleting one lets the person be sent to again; nobody is put back into a broadcast that left them out."""

    form = OptOutForm
    list_display = ("phone", "business", "words", "created_at")
    list_filter = ("business",)
    list_select_related = ("business",)
    search_fields = ("phone",)
    autocomplete_fields = ("business",)

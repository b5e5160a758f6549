"""WhatsApp accounts, broadcasts, recipients and opt-outs, as staff see them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from runs.admin import RunAdmin
from runs.admin.look import ModelAdmin, PasswordInput, TextInput

from .models import OptOut, OutboxMessage, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import REGIONS, e164

admin.site.register(WhatsAppBroadcast, RunAdmin)

SECRETS = {
    "token": _("Access token"),
    "app_secret": _("App secret"),
    "verify_token": _("Webhook's verify token"),
}
KEPT = _("Stored encrypted and never shown. Leave blank to keep the present one.")


def _secret(label: Any) -> forms.CharField:
    widget = PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False)
    return forms.CharField(label=label, strip=False, required=False, widget=widget, help_text=KEPT)


class ProviderAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The secrets go in and never come out; left blank, the stored ones stay."""

    token = _secret(SECRETS["token"])
    app_secret = _secret(SECRETS["app_secret"])
    verify_token = _secret(SECRETS["verify_token"])

    class Meta:
        model = ProviderAccount
        fields = ("business", "name", "kind", "phone_number_id", *SECRETS, "country", "rate", "delay", "failure_rate")

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country not in REGIONS:
            raise forms.ValidationError(_("Two letters, such as IL."))
        return country

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in SECRETS:
            cleaned[name] = cleaned.get(name) or getattr(self.instance, name)
        if cleaned.get("kind") == ProviderAccount.Kind.META:
            for name in ("phone_number_id", *SECRETS):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, _("WhatsApp needs it."))
        return cleaned


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ModelAdmin):
    form = ProviderAccountForm
    list_display = ("name", "business", "kind", "phone_number_id", "rate")
    list_filter = ("kind", "business")
    list_select_related = ("business",)
    search_fields = ("name", "phone_number_id", "business__name")
    autocomplete_fields = ("business",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Who may only look gets read-only values, and the secrets are not for looking at."""
        fields = list(ProviderAccountForm.Meta.fields)
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fields if may_write else [name for name in fields if name not in SECRETS]


class ReadOnlyAdmin(ModelAdmin):
    ordering = ("-id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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

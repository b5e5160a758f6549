"""Sources of recordings, their runs and the calls, as staff see them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from runs.admin import RunAdmin
from runs.admin.look import ModelAdmin, PasswordInput

from .models import Call, RecordingRun, Source

admin.site.register(RecordingRun, RunAdmin)


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The secret goes in and never comes out; left blank, the stored one stays."""

    secret = forms.CharField(
        label=_("Auth token"),
        strip=False,
        required=False,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=_("Stored encrypted and never shown. Leave blank to keep the present one."),
    )

    class Meta:
        model = Source
        fields = ("business", "name", "kind", "account_sid", "secret", "folder", "language")

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"] or self.instance.secret or ""
        if not secret and self.cleaned_data.get("kind") == Source.Kind.TWILIO:
            raise forms.ValidationError(_("A Twilio account needs its auth token."))
        return secret


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    form = SourceForm
    list_display = ("name", "business", "kind", "account_sid", "folder", "language")
    list_filter = ("kind", "business")
    list_select_related = ("business",)
    search_fields = ("name", "account_sid", "business__name")
    autocomplete_fields = ("business",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Who may only look gets read-only values, and this one is not for looking at."""
        fields = list(SourceForm.Meta.fields)
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return fields if may_write else [name for name in fields if name != "secret"]


@admin.register(Call)
class CallAdmin(ModelAdmin):
    list_display = ("id", "business", "started_at", "direction", "number", "duration", "language", "transcribed_at")
    list_filter = ("direction", "business")
    list_select_related = ("business",)
    search_fields = ("=id", "number", "call_id")
    ordering = ("-id",)
    show_full_result_count = False
    # Files are private: no URL leads to them from here.
    exclude = ("file", "location", "segments", "search")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

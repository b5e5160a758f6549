"""Sources of recordings, their runs and the calls, as staff see them."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from runs.admin import AccountAdmin, AccountForm, ReadOnlyAdmin, RunAdmin, SecretField

from .models import Call, RecordingRun, Source

admin.site.register(RecordingRun, RunAdmin)


class SourceForm(AccountForm):
    goes_to = ("kind", "account_sid")
    missing = _("A Twilio account needs its auth token.")

    secret = SecretField(_("Auth token"))

    class Meta:
        model = Source
        fields = ("business", "name", "kind", "account_sid", "secret", "folder", "language")

    def needed(self) -> Collection[str]:
        return ("secret",) if self.cleaned_data.get("kind") == Source.Kind.TWILIO else ()


@admin.register(Source)
class SourceAdmin(AccountAdmin):
    form = SourceForm
    list_display = ("name", "business", "kind", "account_sid", "folder", "language")
    list_filter = ("kind", "business")
    search_fields = ("name", "account_sid", "business__name")


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("id", "business", "started_at", "direction", "number", "duration", "language", "transcribed_at")
    list_filter = ("direction", "business")
    list_select_related = ("business",)
    search_fields = ("=id", "number", "call_id")
    # Files are private: no URL leads to them from here.
    exclude = ("file", "location", "segments", "search")

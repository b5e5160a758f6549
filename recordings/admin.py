"""Admin of recording sources, runs and calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
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
from runs.admin.theme import display
from runs.durations import format_clock
from runs.exceptions import ItemFailed, RunRejected

from .models import Call, RecordingRun, Source
from .sources import SourceAway
from .sources.opening import open_source

register_group(
    "recordings",
    _("Recordings"),
    [Entry(RecordingRun, "graphic_eq"), Entry(Call, "call"), Entry(Source, "folder_open")],
)


@admin.register(RecordingRun)
class RecordingRunAdmin(RunAdmin):
    internal_fields = ("selected", "current")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple[Any, Any]]:
        """Show the warnings in place of the stored counts."""
        (title, first), *others = super().get_fieldsets(request, obj)
        fields = ["warnings" if name == "left_out" else name for name in first["fields"]]
        return [(title, {**first, "fields": fields}), *others]

    def result_links(self, run: RecordingRun) -> list[tuple[Any, str]]:
        return [(_("The business's recordings"), reverse("recordings", args=[run.business.slug]))]

    @admin.display(description=_("warnings"))
    def warnings(self, run: RecordingRun) -> SafeString:
        return format_html_join("", "<p>{}</p>", ((warning,) for warning in run.warnings))


class SourceForm(AccountForm):
    goes_to = ("kind", "account_sid")
    missing = _("A Twilio account needs its auth token.")

    secret = SecretField(_("Auth token"))

    class Meta:
        model = Source
        fields = ("business", "name", "kind", "account_sid", "secret", "folder", "language", "agent_channel")

    def needed(self) -> Collection[str]:
        return ("secret",) if self.cleaned_data.get("kind") == Source.Kind.TWILIO else ()


@admin.register(Source)
class SourceAdmin(AccountAdmin):
    form = SourceForm
    test_hint = _("A folder is looked for on this server: workers may have other disks.")
    conditional_fields = shown_for(
        {Source.Kind.FOLDER: ("folder",), Source.Kind.TWILIO: ("account_sid", "secret")},
    )
    list_display = ("name", "business", "kind", "account_sid", "folder", "language")
    list_filter = ("kind", ("business", BusinessFilter))
    search_fields = ("name", "account_sid", "business__name")

    def find_problem(self, account: Source) -> str:
        """Its list is opened, as a run does first; of a folder only whether it is there."""
        try:
            with open_source(
                account.account(), wait=refuse_to_wait, beat=lambda: None, read_duration=lambda path: None
            ) as source:
                source.check()
        except (RunRejected, SourceAway, ItemFailed) as error:
            return str(error)
        return ""


def refuse_to_wait(seconds: float, reason: object) -> None:
    """Raises `SourceAway`: nobody waits for a test."""
    raise SourceAway(str(reason))


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("id", "business", "started_at", "direction", "number", "length", "language", "transcribed_at")
    list_filter = ("direction", ("business", BusinessFilter))
    list_select_related = ("business",)
    search_fields = ("=id", "number", "call_id")
    # No URL to the file: recordings are served to members only.
    exclude = (
        *("file", "location", "segments", "transcribed_channels", "transcribed_to"),
        *("search", "digits_backwards"),
        *("duration", "size", "size_at_source"),  # below, in units
    )
    readonly_fields = ("length", "file_size")

    @display(description=_("length"), ordering="duration")
    def length(self, call: Call) -> str:
        return "–" if call.duration is None else format_clock(call.duration)

    @display(description=_("size"))
    def file_size(self, call: Call) -> str:
        return "–" if call.size is None else filesizeformat(call.size)

"""Runs for staff: read-only, and repaired before they are shown, as for every reader."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..api.permissions import RESET_PROGRESS, may_open_pages
from ..api.staff_runs import may_view
from ..durations import format_age
from ..models import Run, RunQuerySet
from ..numbers import format_number, format_percent
from ..readers.timeline import EVENTS_SHOWN, events_of, timeline_of
from ..readers.verdict import (
    QUIET_AFTER,
    VerdictCode,
    fetch_one_repaired,
    fetch_repaired,
    is_overdue,
    verdict_code,
    verdict_label,
    verdict_of,
)
from ..states import ErrorCode, ItemStatus, Status
from .attempt_chart import draw_attempts
from .business_filter import BusinessFilter
from .read_only import ReadOnlyAdmin
from .run_facts import common_field_names, facts_of, own_numbers
from .run_search import all_runs_url
from .theme import ChangeList, display

FAILED_ITEMS_SHOWN = 200
EMPTY: tuple[Any, ...] = (None, "", {}, [])

BADGE_KINDS = {
    VerdictCode.WAITING_FOR_WORKER: "default",
    VerdictCode.WORKING: "info",
    VerdictCode.QUIET: "warning",
    VerdictCode.NOT_ADVANCING: "warning",
    VerdictCode.WAITING: "warning",
    VerdictCode.STALE: "danger",
    VerdictCode.PAUSED: "default",
    VerdictCode.COMPLETED: "success",
    VerdictCode.FAILED: "danger",
    VerdictCode.CANCELLED: "default",
    "imperfect": "warning",  # completed, but something failed, or has an unknown outcome
}


class StalenessFilter(admin.SimpleListFilter):
    title = _("staleness")
    parameter_name = "staleness"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("fresh", _("Fresh heartbeat")),
            ("quiet", _("Quiet for a minute")),
            ("stale", _("Failed: no heartbeat")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        running = queryset.filter(status=Status.RUNNING)
        quiet = queryset.model.objects.filter(status=Status.RUNNING).without_heartbeat_for(
            timedelta(seconds=QUIET_AFTER)
        )
        match self.value():
            case "fresh":
                return running.exclude(pk__in=quiet.values("pk"))
            case "quiet":
                return running.filter(pk__in=quiet.values("pk"))
            case "stale":
                return queryset.filter(status=Status.FAILED, error_code=ErrorCode.STALE)
        return queryset


class RepairedChangeList(ChangeList):
    """Expires overdue runs before anything is counted, filtered or shown."""

    def get_results(self, request: HttpRequest) -> None:
        cast("type[Run]", self.model).objects.all().repair()
        super().get_results(request)
        self.result_list = fetch_repaired(cast("RunQuerySet[Run]", self.result_list))


class RunAdmin(ReadOnlyAdmin):
    """The admin of any run type: `admin.site.register(ReceiptSyncRun, RunAdmin)`."""

    list_display = ("id", "business", "status_badge", "waits_for", "progress_column", "heartbeat", "created_at")
    list_filter = ("status", StalenessFilter, ("business", BusinessFilter))
    list_select_related = ("business",)
    search_fields = ("=id",)
    search_help_text = _("By number")
    internal_fields: Collection[str] = ()  # columns that say nothing to people
    change_form_outer_before_template = "admin/runs/run_head.html"
    change_form_outer_after_template = "admin/runs/run_details.html"

    class Media:
        css = {"all": ("runs/admin.css",)}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_view(request.user, self.model)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RepairedChangeList

    def get_queryset(self, request: HttpRequest) -> RunQuerySet[Any]:
        return cast("RunQuerySet[Any]", super().get_queryset(request)).with_ages()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Run | None:
        run: Run | None = super().get_object(request, object_id, from_field)
        if run is None:
            return None
        rows = self.get_queryset(request).filter(pk=run.pk).select_related("business", "created_by")
        return fetch_one_repaired(rows)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple[Any, Any]]:
        """What the run was started with. What changes as it goes on is said by the card and `facts_of`."""
        left_out = {*common_field_names(), *own_numbers(self.model), *self.internal_fields}
        own = [field for field in self.model._meta.fields if field.name not in left_out]
        given = [field.name for field in own if obj is None or field.value_from_object(obj) not in EMPTY]
        return [(None, {"fields": ["business", *given]})]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        events = events_of(obj)
        failed_items = list(obj.items_with(ItemStatus.FAILED)[: FAILED_ITEMS_SHOWN + 1])
        context |= {
            "timeline": [{**entry, "count": count_of(entry["event"])} for entry in timeline_of(obj, events)],
            "events_shown": EVENTS_SHOWN,
            "facts": facts_of(obj),
            "verdict": verdict_of(obj),
            "chart": draw_attempts(obj, events),
            "failed_items": failed_items[:FAILED_ITEMS_SHOWN],
            "more_failed": len(failed_items) > FAILED_ITEMS_SHOWN,
            "page_links": self.page_links(request, obj),
            "api_base": staff_api_base(obj),
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_links(self, request: HttpRequest, run: Run) -> list[tuple[Any, str]]:
        """Label and address of the pages that belong to the run; a type adds its own with `result_links`."""
        links = [(_("All runs of this business"), all_runs_url(business=str(run.business_id)))]
        if request.user.has_perm(RESET_PROGRESS) and run.is_active:
            query = urlencode({"business": str(run.business_id), "types": run.slug})
            links += [(_("Reset progress…"), f"{reverse('admin:runs_business_reset_progress')}?{query}")]
        if may_open_pages(request.user, run.business):
            own = reverse("run", args=[run.business.slug, run.slug, run.pk])
            links += [(_("The business's own page of this run"), own), *self.result_links(run)]
        return links

    def result_links(self, run: Any) -> list[tuple[Any, str]]:
        """Label and address of the business's pages that show what the run has made."""
        return []

    @display(description=_("status"), ordering="status", label=BADGE_KINDS)
    def status_badge(self, run: Run) -> tuple[str, str]:
        verdict = verdict_of(run)
        return ("imperfect" if run.is_imperfect else verdict.code), verdict.label

    @display(description=_("waits for"))
    def waits_for(self, run: Run) -> str:
        return verdict_of(run).message if run.status == Status.QUEUED else ""

    @display(description=_("progress"))
    def progress_column(self, run: Run) -> SafeString | str:
        return progress_bar(run)

    @display(description=_("heartbeat"), ordering="heartbeat_at")
    def heartbeat(self, run: Run) -> str:
        return format_age(run.heartbeat_age)


def count_of(event: Any) -> str:
    total = "?" if event.total is None else format_number(event.total)
    return gettext("%(done)s of %(total)s") % {"done": format_number(event.processed), "total": total}


def staff_api_base(run: Run) -> str:
    """Where the card reads the run, and sends its actions."""
    return reverse("api:staff-run", args=[run.slug, run.pk]).removesuffix(f"runs/{run.slug}/{run.pk}/")


def progress_bar(run: Run) -> SafeString | str:
    """The `<progress>` element: it follows the text direction, and screen readers know it."""
    count = f"{format_number(run.processed)} / {'?' if run.total is None else format_number(run.total)}"
    if run.progress_pct is None:
        return count
    return format_html(
        '<span class="run-bar" title="{}"><progress max="100" value="{}" aria-label="{}"></progress>{}</span>',
        count,
        f"{run.progress_pct:.1f}",
        gettext("progress"),
        format_percent(run.progress_pct),
    )


def verdict_badge(run: Run) -> dict[str, str]:
    """The verdict, without repairing the run: an overdue one is called stale, and can still be reset."""
    code = VerdictCode.STALE if is_overdue(run) else verdict_code(run)
    kind = BADGE_KINDS["imperfect" if run.is_imperfect else code]
    return {"label": verdict_label(run, code), "kind": kind}

"""Businesses with their members, and the actions that reset their runs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..api.permissions import RESET_PROGRESS, may_view_any_business
from ..models import Business, Membership, run_types
from .limits import LimitInline
from .reset import reset_page
from .run_search import all_runs_url
from .theme import DANGER, ModelAdmin, SearchSelect, TabularInline, action, display


class MembershipInline(TabularInline):
    model = Membership
    autocomplete_fields = ("user",)
    extra = 0

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **{"label": capfirst(_("user")), **kwargs})


@admin.register(Business)
class BusinessAdmin(ModelAdmin):
    list_display = ("name", "slug", "member_count", "active_count", "stuck_count")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("name", "slug", "time_zone")
    inlines = (MembershipInline, LimitInline)
    actions = ("reset_selected",)
    actions_detail = ("open_pages", "list_runs", "reset_one")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Business]:
        rows: QuerySet[Business] = super().get_queryset(request)
        return rows.annotate(
            members_=count_for_business(Membership.objects.all()),
            active_=sum_counts(count_for_business(model.objects.active()) for model in run_types()),
            stuck_=sum_counts(count_for_business(model.objects.overdue()) for model in run_types()),
        )

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "time_zone":
            kwargs = {"widget": SearchSelect, **kwargs}
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    @display(description=_("members"), ordering="members_")
    def member_count(self, business: Any) -> int:
        return int(business.members_)

    @display(description=_("active runs"))
    def active_count(self, business: Any) -> int:
        """Overdue runs don't count as active, even before a reader has expired them."""
        return int(business.active_ - business.stuck_)

    @display(description=_("stuck runs"), ordering="stuck_")
    def stuck_count(self, business: Any) -> int:
        return int(business.stuck_)

    def has_reset_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(RESET_PROGRESS)

    @action(description=_("Reset progress"), permissions=["reset"], icon="restart_alt")
    def reset_selected(self, request: HttpRequest, queryset: QuerySet[Business]) -> HttpResponse:
        return redirect_to_reset_page(queryset.values_list("pk", flat=True))

    @action(
        description=_("Reset progress"),
        permissions=["reset"],
        icon="restart_alt",
        variant=DANGER,
        url_path="reset",
    )
    def reset_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return redirect_to_reset_page([object_id])

    def has_open_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_view_any_business(request.user)

    @action(description=_("Open its pages"), permissions=["open"], icon="visibility", url_path="open")
    def open_pages(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """As its members see them, to read only."""
        return redirect("business", get_object_or_404(Business, pk=object_id).slug)

    @action(description=_("All its runs"), permissions=["view"], icon="list", url_path="runs")
    def list_runs(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return HttpResponseRedirect(all_runs_url(business=str(object_id)))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reset_view)
        return [path("reset-progress/", view, name="runs_business_reset_progress"), *super().get_urls()]

    def reset_view(self, request: HttpRequest) -> HttpResponse:
        return reset_page(self, request)


def redirect_to_reset_page(ids: Any) -> HttpResponse:
    query = urlencode({"business": list(ids)}, doseq=True)
    return HttpResponseRedirect(f"{reverse('admin:runs_business_reset_progress')}?{query}")


def count_for_business(rows: QuerySet[Any]) -> Coalesce:
    """How many of `rows` the outer business has, without joining them to each other."""
    counted = rows.filter(business=OuterRef("pk")).order_by().values("business").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), Value(0))


def sum_counts(counts: Any) -> Combinable:
    total: Combinable = Value(0)
    for count in counts:
        total = total + count
    return total

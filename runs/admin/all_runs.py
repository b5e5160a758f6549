"""The list of all runs: of every type and business, newest first. `run_search` has its filters, `bulk` its actions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from ..database import StatementTooLong, limited_statements
from ..models import AllRuns, Business
from .bulk import confirmation_page, permitted_actions
from .newest_runs import NewestOfAll
from .read_only import ReadOnlyAdmin
from .run_lines import RunLine, viewable_types
from .run_search import RunSearchForm

SECONDS_TO_SEARCH = 5
BUSINESSES_SUGGESTED = 200
NOT_FILTERS = ("cursor", "page_size")


@admin.register(AllRuns)
class AllRunsAdmin(ReadOnlyAdmin):
    """Whoever may view runs of some types in the admin gets the list of these."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(viewable_types(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        as_staff = self.admin_site.admin_view
        return [
            path("", as_staff(self.changelist_view), name="runs_allruns_changelist"),
            path("<slug:name>/", as_staff(self.confirmation_view), name="runs_allruns_action"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return list_page(self, request)

    def confirmation_view(self, request: HttpRequest, name: str) -> HttpResponse:
        return confirmation_page(self, request, name)


def list_page(model_admin: AllRunsAdmin, request: HttpRequest) -> HttpResponse:
    form = RunSearchForm(viewable_types(request), request.GET)
    try:
        found = find_runs(form, request) if form.is_valid() else {}
    except ValidationError:  # a cursor or page size that no link of this page has
        return HttpResponseRedirect(f"{request.path}?{filters_of(request)}")
    except StatementTooLong:
        form.add_error(None, _("This search takes too long. Choose a business, a status or a few days."))
        found = {}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("All runs"),
        "opts": model_admin.opts,
        "form": form,
        "businesses": Business.objects.values_list("slug", "name")[:BUSINESSES_SUGGESTED],
        "actions": permitted_actions(request) if form.is_valid() else [],
        "filters": filters_of(request),
        "is_filtered": bool(filters_of(request)),
        **found,
    }
    return render(request, "admin/runs/all_runs.html", context, status=200 if form.is_valid() else 400)


def find_runs(form: RunSearchForm, request: HttpRequest) -> dict[str, Any]:
    """Raises `ValidationError`, `StatementTooLong`."""
    run_search, pages = form.build_search(), NewestOfAll()
    for model in run_search.types:  # before filtering by status: overdue runs must be found among the failed
        model.objects.all().repair()
    with limited_statements(SECONDS_TO_SEARCH):
        runs = pages.fetch_page(run_search, request.GET, url=request.get_full_path())
    return {
        "lines": [RunLine.of(run) for run in runs],
        "newer": pages.get_newer_link(),
        "older": pages.get_older_link(),
        "looked_back_to": pages.looked_back_to,
    }


def filters_of(request: HttpRequest) -> str:
    """The query string without empty parameters and without the page."""
    query = request.GET.copy()
    for name in [name for name, value in request.GET.items() if name in NOT_FILTERS or not str(value).strip()]:
        del query[name]
    return query.urlencode()

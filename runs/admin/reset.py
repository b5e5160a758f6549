"""The page that confirms a reset: it lists the runs that would be reset and takes the reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..api.permissions import may_view_operations
from ..durations import format_age
from ..lifecycle.reset import Reset, reset_progress, runs_to_reset
from ..models import Business, Run, run_types
from ..models.audit import Actor
from .run import progress_bar, verdict_badge
from .theme import CheckBox, TextInput

RUNS_LISTED = 200  # of each type of each business


def type_choices() -> list[tuple[str, Any]]:
    return [(model.slug, model._meta.verbose_name_plural) for model in run_types()]


class ResetForm(forms.Form):
    business = forms.ModelMultipleChoiceField(Business.objects.all(), widget=forms.MultipleHiddenInput)
    types = forms.MultipleChoiceField(
        label=_("Only these types"),
        help_text=_("Leave empty for all types."),
        choices=type_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    only_stale = forms.BooleanField(label=_("Only runs without a heartbeat"), required=False, widget=CheckBox)
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Recorded in each run's timeline and in the admin log."),
        max_length=200,
        widget=TextInput,
    )


@dataclass(frozen=True)
class PreviewLine:
    """A run that would be reset."""

    run: Run
    type: Any
    badge: dict[str, str]
    bar: SafeString | str
    heartbeat: str

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls(run, run._meta.verbose_name, verdict_badge(run), progress_bar(run), format_age(run.heartbeat_age))


@dataclass(frozen=True)
class BusinessPreview:
    """What would be reset of a business: the newest runs of each type."""

    business: Business
    lines: list[PreviewLine]
    more: bool  # of some type


def reset_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if not model_admin.has_reset_permission(request):
        raise PermissionDenied
    form = ResetForm(request.POST or request.GET)
    is_valid = form.is_valid()
    businesses = form.cleaned_data.get("business")
    if not businesses:
        messages.error(request, gettext("Choose at least one business."))
        return redirect_to_list()
    if request.method == "POST" and is_valid:
        return reset_businesses(model_admin, request, form.cleaned_data)
    return render(
        request,
        "admin/runs/reset.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": gettext("Reset progress"),
            "opts": model_admin.opts,
            "form": form if request.method == "POST" else unvalidated_form(request),
            "preview": [
                preview_of(business, form.cleaned_data.get("types"), form.cleaned_data.get("only_stale", False))
                for business in businesses
            ],
            "listed": RUNS_LISTED,
        },
    )


def unvalidated_form(request: HttpRequest) -> ResetForm:
    """A form that shows no error yet: the page was only opened, so its reason is still empty."""
    initial: dict[str, Any] = {name: request.GET.getlist(name) for name in ("business", "types")}
    return ResetForm(
        initial={**initial, "only_stale": "only_stale" in request.GET, "reason": request.GET.get("reason", "")}
    )


def preview_of(business: Business, types: Collection[str] | None, only_stale: bool) -> BusinessPreview:
    """Read without repairing: overdue runs must stay listed, since staff come to reset them."""
    found = runs_to_reset(business, types, only_stale).values()
    newest = [list(rows.with_ages().order_by("-pk")[: RUNS_LISTED + 1]) for rows in found]
    lines = [PreviewLine.of(run) for runs in newest for run in runs[:RUNS_LISTED]]
    return BusinessPreview(business, lines, any(len(runs) > RUNS_LISTED for runs in newest))


def reset_businesses(model_admin: Any, request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    with transaction.atomic():  # no reset without its entry in the log
        count = sum(reset_business(model_admin, request, business, options) for business in options["business"])
    messages.success(
        request,
        ngettext("Successfully reset %(count)d stuck run.", "Successfully reset %(count)d stuck runs.", count)
        % {"count": count},
    )
    return HttpResponseRedirect(reverse("admin:index")) if may_view_operations(request.user) else redirect_to_list()


def reset_business(model_admin: Any, request: HttpRequest, business: Business, options: dict[str, Any]) -> int:
    reset = reset_progress(
        business,
        options["types"],
        options["only_stale"],
        actor=Actor.user(request.user, kind="staff"),
        reason=options["reason"],
    )
    model_admin.log_change(request, business, log_message(reset, options["reason"]))
    return reset.count


def log_message(reset: Reset, reason: str) -> str:
    counts = ", ".join(f"{slug}: {count}" for slug, count in reset.by_type.items()) or "0"
    return gettext("Reset progress (%(counts)s). Reason: %(reason)s") % {"counts": counts, "reason": reason}


def redirect_to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:runs_business_changelist"))

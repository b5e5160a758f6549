"""The page between "Reset progress" and the reset: what would be reset, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..lifecycle.reset import Reset, reset_progress, resettable
from ..models import Business, Run, run_types
from ..models.audit import Actor
from ..readers.humanize import ago
from .run import badge, progress_bar
from .theme import CheckBox, TextInput

RUNS_LISTED = 200  # of each type of each business


def _type_choices() -> list[tuple[str, Any]]:
    return [(model.slug, model._meta.verbose_name_plural) for model in run_types()]


class ResetForm(forms.Form):
    business = forms.ModelMultipleChoiceField(Business.objects.all(), widget=forms.MultipleHiddenInput)
    types = forms.MultipleChoiceField(
        label=_("Only these types"),
        help_text=_("None ticked: all of them."),
        choices=_type_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    only_stale = forms.BooleanField(label=_("Only runs without a heartbeat"), required=False, widget=CheckBox)
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Kept in each run's timeline and in the admin log."),
        max_length=200,
        widget=TextInput,
    )


@dataclass(frozen=True)
class Line:
    """A run that would be reset."""

    run: Run
    type: Any
    badge: dict[str, str]
    bar: SafeString | str
    heartbeat: str


def reset_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if not model_admin.has_reset_permission(request):
        raise PermissionDenied
    asked = ResetForm(request.POST or request.GET)
    asked.is_valid()
    businesses = asked.cleaned_data.get("business")
    if not businesses:
        messages.error(request, gettext("Choose at least one business."))
        return _back()
    if request.method == "POST" and asked.is_valid():
        return _reset(model_admin, request, asked.cleaned_data)
    return render(
        request,
        "admin/runs/reset.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": gettext("Reset progress"),
            "opts": model_admin.opts,
            "form": asked if request.method == "POST" else _unjudged(request),
            "preview": _preview(
                businesses, asked.cleaned_data.get("types"), asked.cleaned_data.get("only_stale", False)
            ),
        },
    )


def _unjudged(request: HttpRequest) -> ResetForm:
    """A page that was only opened must not complain of an empty reason yet."""
    initial: dict[str, Any] = {name: request.GET.getlist(name) for name in ("business", "types")}
    return ResetForm(
        initial={**initial, "only_stale": "only_stale" in request.GET, "reason": request.GET.get("reason", "")}
    )


def _preview(
    businesses: QuerySet[Business], types: Collection[str] | None, only_stale: bool
) -> list[tuple[Business, list[Line]]]:
    """Read without repairing: the stale ones are what staff came for."""
    return [
        (
            business,
            [
                Line(run, run._meta.verbose_name, badge(run), progress_bar(run), ago(run.heartbeat_age))
                for rows in resettable(business, types, only_stale).values()
                for run in rows.with_ages().order_by("-pk")[:RUNS_LISTED]
            ],
        )
        for business in businesses
    ]


def _reset(model_admin: Any, request: HttpRequest, asked: dict[str, Any]) -> HttpResponse:
    with transaction.atomic():  # the reset and its place in the log stand or fall together
        count = sum(_reset_one(model_admin, request, business, asked) for business in asked["business"])
    messages.success(
        request,
        ngettext("Successfully reset %(count)d stuck run.", "Successfully reset %(count)d stuck runs.", count)
        % {"count": count},
    )
    return _back()


def _reset_one(model_admin: Any, request: HttpRequest, business: Business, asked: dict[str, Any]) -> int:
    reset = reset_progress(
        business,
        asked["types"],
        asked["only_stale"],
        actor=Actor.user(request.user, kind="staff"),
        reason=asked["reason"],
    )
    model_admin.log_change(request, business, _log_line(reset, asked["reason"]))
    return reset.count


def _log_line(reset: Reset, reason: str) -> str:
    counts = ", ".join(f"{slug}: {count}" for slug, count in reset.by_type.items()) or "0"
    return gettext("Reset progress (%(counts)s). Reason: %(reason)s") % {"counts": counts, "reason": reason}


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:runs_business_changelist"))

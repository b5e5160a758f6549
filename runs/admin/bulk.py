"""Actions on everything that a filter finds: one page that confirms them, with the count and the reason.

Each run that is changed gets an entry in the admin's log in the same transaction (`lifecycle.bulk`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..api.permissions import CONTROL_RUNS, RESET_PROGRESS
from ..database import StatementTooLong, fetch_database_time, limited_statements
from ..lifecycle.bulk import CANCEL, RESET, RETRY, BulkAction, BulkPosition, Outcome, apply_to_runs
from ..models import Run, RunQuerySet
from ..models.audit import Actor
from .run_lines import RunLine, viewable_types
from .run_search import RunSearch, RunSearchForm
from .theme import TextInput

COUNTED = 10_000  # more are called "more than"
LISTED = 20  # of each type
SECONDS_TO_COUNT = 5


@dataclass(frozen=True)
class StaffAction:
    """A bulk action as staff see it."""

    name: str
    title: str | Promise
    explanation: str | Promise
    permission: str
    action: BulkAction
    describe_changed: Callable[[int], str]


def describe_cancelled(count: int) -> str:
    text = ngettext(
        "%(count)d run was cancelled, or asked to stop at its next item.",
        "%(count)d runs were cancelled, or asked to stop at their next items.",
        count,
    )
    return text % {"count": count}


def describe_retried(count: int) -> str:
    return ngettext("%(count)d run is in its queue again.", "%(count)d runs are in their queues again.", count) % {
        "count": count
    }


def describe_reset(count: int) -> str:
    return ngettext("Successfully reset %(count)d stuck run.", "Successfully reset %(count)d stuck runs.", count) % {
        "count": count
    }


STAFF_ACTIONS = {
    each.name: each
    for each in (
        StaffAction(
            "cancel",
            _("Cancel runs"),
            _("Runs that wait are cancelled at once. Running ones stop at their next item."),
            CONTROL_RUNS,
            CANCEL,
            describe_cancelled,
        ),
        StaffAction(
            "retry",
            _("Retry failed runs"),
            _("These runs go back to their queues and continue from where they stopped."),
            CONTROL_RUNS,
            RETRY,
            describe_retried,
        ),
        StaffAction(
            "reset",
            _("Reset progress"),
            _(
                "These runs will be marked as failed, with your reason in their timelines. A worker that is still alive"
                " cannot revive them. Each business can then start anew, or retry a run from where it stopped."
            ),
            RESET_PROGRESS,
            RESET,
            describe_reset,
        ),
    )
}


def permitted_actions(request: HttpRequest) -> list[StaffAction]:
    return [each for each in STAFF_ACTIONS.values() if request.user.has_perm(each.permission)]


class ConfirmationForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Recorded in each run's timeline and in the admin log."),
        max_length=200,
        widget=TextInput,
    )
    # What the page counted: runs that were started later aren't changed with them.
    seen_at = forms.CharField(max_length=40, widget=forms.HiddenInput)
    after = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    def clean_seen_at(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.cleaned_data["seen_at"])
        except ValueError as error:
            raise forms.ValidationError(_("Open the page again.")) from error
        if moment.tzinfo is None:
            raise forms.ValidationError(_("Open the page again."))
        return moment

    def clean_after(self) -> BulkPosition | None:
        slug, _space, number = self.cleaned_data["after"].partition(" ")
        if not slug:
            return None
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise forms.ValidationError(_("Open the page again."))
        return BulkPosition(slug, int(number))


def confirmation_page(model_admin: Any, request: HttpRequest, name: str) -> HttpResponse:
    types = viewable_types(request)
    action = STAFF_ACTIONS.get(name)
    if action is None:
        raise Http404
    if not types or not request.user.has_perm(action.permission):
        raise PermissionDenied
    filters = RunSearchForm(types, request.GET)
    if not filters.is_valid():  # the list says which filter is wrong
        return HttpResponseRedirect(list_url(request))
    form = ConfirmationForm(request.POST) if request.method == "POST" else ConfirmationForm(initial=first_values())
    if request.method == "POST" and form.is_valid():
        outcome, after = apply_action(request, action, filters, form.cleaned_data)
        report(request, action, outcome)
        if after is None:
            return HttpResponseRedirect(list_url(request))
        form = ConfirmationForm(initial={**form.data.dict(), "after": f"{after.type} {after.id}"})  # type: ignore[attr-defined]
    return render_confirmation(model_admin, request, action, filters, form)


def first_values() -> dict[str, str]:
    return {"seen_at": fetch_database_time().isoformat()}


def list_url(request: HttpRequest) -> str:
    return f"{reverse('admin:runs_allruns_changelist')}?{request.GET.urlencode()}"


def apply_action(
    request: HttpRequest, action: StaffAction, filters: RunSearchForm, options: dict[str, Any]
) -> tuple[Outcome, BulkPosition | None]:
    repair_before(action, filters.build_search())
    reason = options["reason"]
    message = gettext("%(action)s. Reason: %(reason)s") % {"action": action.title, "reason": reason}
    return apply_to_runs(
        action.action,
        runs_found(filters.build_search(), options["seen_at"]),
        options["after"],
        Actor.user(request.user, kind="staff"),
        reason,
        partial(log_changes, request, message),
    )


def repair_before(action: StaffAction, run_search: RunSearch) -> None:
    """Overdue runs have failed for every reader; but staff come to reset them, so a reset finds them as they are."""
    if action.action is not RESET:
        for model in run_search.types:
            model.objects.all().repair()


def runs_found(run_search: RunSearch, seen_at: datetime) -> list[RunQuerySet[Run]]:
    return [run_search.find(model).filter(created_at__lte=seen_at) for model in run_search.types]


def log_changes(request: HttpRequest, message: str, runs: Sequence[Run]) -> None:
    if runs:
        LogEntry.objects.log_actions(int(request.user.pk or 0), runs, CHANGE, message)


def report(request: HttpRequest, action: StaffAction, outcome: Outcome) -> None:
    messages.success(request, action.describe_changed(outcome.changed))
    for reason, count in outcome.refused.items():
        text = ngettext("%(count)d run was left: %(reason)s.", "%(count)d runs were left: %(reason)s.", count)
        messages.warning(request, text % {"count": count, "reason": reason})


def render_confirmation(
    model_admin: Any, request: HttpRequest, action: StaffAction, filters: RunSearchForm, form: ConfirmationForm
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": action.title,
        "opts": model_admin.opts,
        "action": action,
        "form": form,
        "filters": filters.chosen(),
        "list_url": list_url(request),
        "goes_on": bool(form["after"].value()),
    }
    repair_before(action, filters.build_search())
    try:
        with limited_statements(SECONDS_TO_COUNT):
            context |= preview(action.action, filters.build_search())
    except StatementTooLong:
        messages.error(request, gettext("This search takes too long. Choose a business, a status or a few days."))
        return HttpResponseRedirect(list_url(request))
    return render(request, "admin/runs/bulk.html", context, status=400 if form.errors else 200)


def preview(action: BulkAction, run_search: RunSearch) -> dict[str, Any]:
    chosen = [action.choose(run_search.find(model)) for model in run_search.types]
    count = sum(rows[: COUNTED + 1].count() for rows in chosen)
    newest = (rows.with_ages().select_related("business").order_by("-pk")[:LISTED] for rows in chosen)
    return {
        "lines": [RunLine.of(run) for rows in newest for run in rows],
        "count": min(count, COUNTED),
        "is_more": count > COUNTED,
    }

"""All runs of a business, newest first."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from ..api.run_pages import NewestRuns
from ..models import Business, run_types
from ..readers.history import run_filter
from ..readers.verdict import verdict_of
from ..states import Status
from .access import base_context, members_only, own_business


class HistoryFilter(forms.Form):
    type = forms.ChoiceField(label=_("Type"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("All")), *Status.choices])
    from_date = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    to_date = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, business: Business, data: Any) -> None:
        super().__init__(data)
        known = (model for model in run_types() if model.objects.filter(business=business).exists())
        kinds = cast("forms.ChoiceField", self.fields["type"])
        kinds.choices = [("", _("All")), *((model.slug, model.type_label()) for model in known)]

    def clean_type(self) -> Any:
        return next((model for model in run_types() if model.slug == self.cleaned_data["type"]), None)


@members_only
def history_page(request: HttpRequest, slug: str) -> HttpResponse:
    """All runs, newest first, a page at a time. They aren't counted: a business may have very many."""
    business = own_business(request, slug)
    form = HistoryFilter(business, request.GET or None)
    wanted = form.cleaned_data if form.is_valid() else {}
    pages = NewestRuns()
    try:
        runs = pages.fetch_page(run_filter(business=business.pk, **wanted), request.GET, url=request.get_full_path())
    except ValidationError:  # the cursor is incomplete, such as in a link that was cut off
        return HttpResponseRedirect(request.path)
    context = {
        **base_context(request, business),
        "form": form,
        "rows": [(run, verdict_of(run)) for run in runs],
        "newer": pages.get_previous_link(),
        "older": pages.get_next_link(),
    }
    return render(request, "runs/history.html", context)

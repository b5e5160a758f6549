"""The opt-outs of a business: members search them, add one, and lift those that members added."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from runs.models import Business
from runs.pages.access import base_context, members_only, own_business

from .. import opt_outs
from ..api.opt_outs import STATES, filter_opt_outs, read_phone
from ..models import OptOut

OPT_OUTS_A_PAGE = 50
LABELS = {"in_force": _("In force"), "lifted": _("Taken back"), "all": _("All")}


class OptOutForm(forms.Form):
    phone = forms.CharField(label=_("Number"), max_length=40)
    words = forms.CharField(label=_("In their words"), required=False, max_length=opt_outs.MAX_WORDS)

    def __init__(self, business: Business, data: Any = None) -> None:
        super().__init__(data)
        self._business = business
        self.fields["phone"].widget.attrs = {"dir": "ltr", "inputmode": "tel", "placeholder": "050-2345678"}

    def clean_phone(self) -> str:
        phone = read_phone(self._business, self.cleaned_data["phone"])
        if phone is None:
            raise forms.ValidationError(_("Not a phone number."))
        return phone


@members_only
def show_opt_outs(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the list, or add to it."""
    business = own_business(request, slug)
    form = OptOutForm(business, request.POST if request.method == "POST" else None)
    if form.is_valid():
        phone = form.cleaned_data["phone"]
        _row, is_changed = opt_outs.add_opt_out(business, phone, form.cleaned_data["words"], cast("User", request.user))
        message = _("%(phone)s gets no more broadcasts.") if is_changed else _("%(phone)s is on the list already.")
        messages.success(request, message % {"phone": phone})
        return HttpResponseRedirect(reverse("opt-outs", args=[business.slug]))
    return render(request, "broadcasts/opt_outs.html", build_context(request, business, form))


@members_only
@require_POST
def lift_opt_out(request: HttpRequest, slug: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    row = get_object_or_404(OptOut, business=business, pk=id)
    if opt_outs.lift_opt_out(row, cast("User", request.user)):
        messages.success(request, _("%(phone)s gets broadcasts again.") % {"phone": row.phone})
    return HttpResponseRedirect(reverse("opt-outs", args=[business.slug]))


def build_context(request: HttpRequest, business: Business, form: OptOutForm) -> dict[str, Any]:
    state = request.GET.get("state", "")
    state = state if state in STATES else "in_force"
    phone = request.GET.get("phone", "").replace("\x00", "")[:40]
    rows = filter_opt_outs(OptOut.objects.filter(business=business), phone, state).order_by("-id")
    return {
        **base_context(request, business),
        "form": form,
        "phone": phone,
        "state": state,
        "states": LABELS.items(),
        "opt_outs": Paginator(rows, OPT_OUTS_A_PAGE).get_page(request.GET.get("page")),
    }


urlpatterns = [
    path("opt-outs/", show_opt_outs, name="opt-outs"),
    path("opt-outs/<int:id>/lift/", lift_opt_out, name="opt-out-lift"),
]

"""One receipt under review: its document beside its fields, and what a person decides about it. No script is needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from runs.models import Business
from runs.pages.access import frame, members_only, own_business

from ..models import Receipt
from ..preview.preview import draw_page, preview_of
from . import decisions

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
Decision = Receipt.Decision


class CorrectionForm(forms.Form):
    vendor = forms.CharField(label=gettext_lazy("Vendor"), max_length=200, required=False)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        max_digits=12,
        decimal_places=2,
        required=False,
        widget=forms.TextInput({"inputmode": "decimal", "dir": "ltr"}),
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"),
        required=False,
        choices=[("", "–"), *((value, f"{value} {sign}") for value, sign in Receipt.Currency.choices)],
    )
    issued_on = forms.DateField(
        label=gettext_lazy("Date"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
    )
    invoice_number = forms.CharField(
        label=gettext_lazy("Invoice number"),
        max_length=64,
        required=False,
        widget=forms.TextInput({"dir": "auto"}),
    )
    is_refund = forms.BooleanField(label=gettext_lazy("This is a refund"), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    @classmethod
    def of(cls, receipt: Receipt) -> CorrectionForm:
        return cls(initial={name: getattr(receipt, name) for name in cls.base_fields})

    def clean(self) -> dict[str, Any]:
        """Whoever ticks the box need not write the minus; a minus without the box may be a slip."""
        said = self.cleaned_data
        amount = said.get("amount")
        if amount and said.get("is_refund"):
            said["amount"] = -abs(amount)
        elif amount and amount < 0:
            self.add_error("amount", gettext_lazy("Only a refund is negative: tick its box, or leave out the minus."))
        return said

    def facts(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name in decisions.FACTS}


class LinkForm(forms.Form):
    duplicate_of = forms.IntegerField(
        label=gettext_lazy("Duplicate of No."), min_value=1, widget=forms.TextInput({"inputmode": "numeric"})
    )


@members_only
def receipt(request: HttpRequest, slug: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    found = get_object_or_404(business.receipts.select_related("duplicate_of"), pk=id)
    if request.method != "POST":
        return _page(request, found, CorrectionForm.of(found))
    try:
        return ACTIONS.get(request.POST.get("action", ""), _approve)(request, found)
    except Receipt.DoesNotExist as error:  # deleted a moment ago
        raise Http404 from error


def _page(
    request: HttpRequest, receipt: Receipt, form: forms.Form, link: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **frame(request, receipt.business),
        "receipt": receipt,
        "form": form,
        "link_form": link or LinkForm(),
        "preview": preview_of(receipt),
        "copies": receipt.copies.order_by("pk"),
        "corrections": receipt.corrections.order_by("-pk"),
        "next": _next_to_review(receipt),
    }
    return render(request, "receipts/receipt.html", context, status=status)


def _approve(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    form = CorrectionForm(request.POST)
    if not form.is_valid():
        return _page(request, receipt, form, status=400)
    facts, version = form.facts(), form.cleaned_data["version"]
    try:
        reviewed = decisions.approve(receipt, _reader(request), changes=facts, version=version)
    except decisions.ReviewConflict as conflict:
        receipt.refresh_from_db()
        if not _is_done(receipt, facts):
            return _conflict(request, receipt, str(conflict))
        reviewed = receipt  # the button was pressed twice
    said = _("Corrected: %(receipt)s") if reviewed.decision == Decision.CORRECTED else _("Approved: %(receipt)s")
    messages.success(request, said % {"receipt": reviewed})
    return _to_next(reviewed)


def _is_done(receipt: Receipt, facts: Mapping[str, Any]) -> bool:
    decided = receipt.decision in (Decision.APPROVED, Decision.CORRECTED)
    return decided and all(getattr(receipt, name) == value for name, value in facts.items())


def _reject(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    form = CorrectionForm(request.POST)
    form.full_clean()  # whatever else stands in the fields, a rejected receipt needs none of them
    try:
        decisions.reject(receipt, _reader(request), version=form.cleaned_data.get("version"))
    except decisions.ReviewConflict as conflict:
        receipt.refresh_from_db()
        if receipt.decision != Decision.REJECTED:
            return _conflict(request, receipt, str(conflict))
    messages.success(request, _("Rejected: %(receipt)s") % {"receipt": receipt})
    return _to_next(receipt)


def _conflict(request: HttpRequest, receipt: Receipt, problem: str) -> HttpResponse:
    """What was typed stays; whoever presses again has seen the history beside it."""
    said = request.POST.copy()
    said["version"] = str(receipt.version)
    form = CorrectionForm(said)
    form.add_error(None, problem)
    return _page(request, receipt, form, status=409)


def _link(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    link = LinkForm(request.POST)
    if link.is_valid():
        try:
            decisions.correct(receipt, link.cleaned_data, _reader(request))
        except ValidationError as error:
            link.add_error(None, error)
    if link.errors:
        return _page(request, receipt, CorrectionForm.of(receipt), link, status=400)
    return redirect("receipt", receipt.business.slug, receipt.pk)


def _unlink(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    decisions.correct(receipt, {"duplicate_of": None}, _reader(request))
    messages.success(request, _("It counts as a purchase of its own now."))
    return redirect("receipt", receipt.business.slug, receipt.pk)


ACTIONS = {"approve": _approve, "reject": _reject, "link": _link, "unlink": _unlink}


def _reader(request: HttpRequest) -> User:
    return cast("User", request.user)


def _next_to_review(receipt: Receipt) -> Receipt | None:
    """The one below it in the list, or the first one."""
    waiting = receipt.business.receipts.to_review().exclude(pk=receipt.pk).order_by("-pk")
    return waiting.filter(pk__lt=receipt.pk).first() or waiting.first()


def _to_next(receipt: Receipt) -> HttpResponse:
    following = _next_to_review(receipt)
    slug = receipt.business.slug
    if following is None:
        return redirect(f"{reverse('receipts', args=[slug])}?show=review")
    return redirect("receipt", slug, following.pk)


@require_safe
@members_only
def page_image(request: HttpRequest, slug: str, id: int, page: int) -> HttpResponse:  # noqa: A002
    business: Business = own_business(request, slug)
    image = draw_page(get_object_or_404(business.receipts, pk=id), page)
    if not image:
        raise Http404
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return HttpResponse(image, content_type="image/png", headers=headers)


urlpatterns = [
    path("<int:id>/", receipt, name="receipt"),
    path("<int:id>/pages/<int:page>/", page_image, name="receipt-page"),
]

"""The review page: a receipt's document beside its fields, and the reviewer's actions. It works without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from runs.models import Business
from runs.pages.access import members_only, own_business

from ..models import Receipt
from ..preview.preview import RETRY_SECONDS, PreviewBusy, draw_page
from . import decisions
from .forms import CorrectionForm, LinkForm
from .responses import redirect_to_next, render_conflict, render_page

Decision = Receipt.Decision


@members_only
def review_receipt(request: HttpRequest, slug: str, id: int) -> HttpResponse:  # noqa: A002  named as in the URL
    business = own_business(request, slug)
    found = get_object_or_404(business.receipts.select_related("duplicate_of"), pk=id)
    if request.method != "POST":
        return render_page(request, found, CorrectionForm.of(found))
    try:
        return ACTIONS.get(request.POST.get("action", ""), _approve_and_go_on)(request, found)
    except Receipt.DoesNotExist as error:  # deleted a moment ago
        raise Http404 from error


def _approve_and_go_on(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    form = CorrectionForm(request.POST)
    if not form.is_valid():
        return render_page(request, receipt, form, status=400)
    facts, version = form.facts(), form.cleaned_data["version"]
    try:
        reviewed = decisions.approve_receipt(receipt, _reader(request), changes=facts, version=version)
    except decisions.ReviewConflict as conflict:
        receipt.refresh_from_db()
        if not _is_already_decided(receipt, facts):
            return render_conflict(request, receipt, str(conflict))
        reviewed = receipt  # the button was pressed twice
    message = _("Corrected: %(receipt)s") if reviewed.decision == Decision.CORRECTED else _("Approved: %(receipt)s")
    messages.success(request, message % {"receipt": reviewed})
    return redirect_to_next(reviewed)


def _is_already_decided(receipt: Receipt, facts: Mapping[str, Any]) -> bool:
    decided = receipt.decision in (Decision.APPROVED, Decision.CORRECTED)
    return decided and all(getattr(receipt, name) == value for name, value in facts.items())


def _reject_and_go_on(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    form = CorrectionForm(request.POST)
    form.full_clean()  # errors in other fields don't matter: a rejection reads the version only
    try:
        decisions.reject_receipt(receipt, _reader(request), version=form.cleaned_data.get("version"))
    except decisions.ReviewConflict as conflict:
        receipt.refresh_from_db()
        if receipt.decision != Decision.REJECTED:
            return render_conflict(request, receipt, str(conflict))
    messages.success(request, _("Rejected: %(receipt)s") % {"receipt": receipt})
    return redirect_to_next(receipt)


def _link_receipt(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    link = LinkForm(request.POST)
    if link.is_valid():
        try:
            decisions.correct_receipt(receipt, link.cleaned_data, _reader(request))
        except ValidationError as error:
            link.add_error(None, error)
    if link.errors:
        return render_page(request, receipt, CorrectionForm.of(receipt), link, status=400)
    return redirect("receipt", receipt.business.slug, receipt.pk)


def _unlink_receipt(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    decisions.correct_receipt(receipt, {"duplicate_of": None}, _reader(request))
    messages.success(request, _("It now counts as a separate purchase."))
    return redirect("receipt", receipt.business.slug, receipt.pk)


ACTIONS = {"approve": _approve_and_go_on, "reject": _reject_and_go_on, "link": _link_receipt, "unlink": _unlink_receipt}


def _reader(request: HttpRequest) -> User:
    return cast("User", request.user)


@require_safe
@members_only
def page_image(request: HttpRequest, slug: str, id: int, page: int) -> HttpResponse:  # noqa: A002
    business: Business = own_business(request, slug)
    try:
        image = draw_page(get_object_or_404(business.receipts, pk=id), page)
    except PreviewBusy:
        return HttpResponse(status=503, content_type="text/plain", headers={"Retry-After": str(RETRY_SECONDS)})
    if not image:
        raise Http404
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return HttpResponse(image, content_type="image/png", headers=headers)


urlpatterns = [
    path("<int:id>/", review_receipt, name="receipt"),
    path("<int:id>/pages/<int:page>/", page_image, name="receipt-page"),
]

"""What a reviewer gets back: the page of a receipt, the page of a conflict, or the next receipt to review."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from runs.pages.access import base_context

from ..models import Receipt
from ..preview.preview import make_preview
from .forms import CorrectionForm, LinkForm


def render_page(
    request: HttpRequest, receipt: Receipt, form: forms.Form, link: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **base_context(request, receipt.business),
        "receipt": receipt,
        "form": form,
        "link_form": link or LinkForm(),
        "preview": make_preview(receipt),
        "copies": receipt.copies.order_by("pk"),
        "corrections": receipt.corrections.order_by("-pk"),
        "next": _next_to_review(receipt),
    }
    return render(request, "receipts/receipt.html", context, status=status)


def render_conflict(request: HttpRequest, receipt: Receipt, problem: str) -> HttpResponse:
    """The page again with the reviewer's input and the new version: the history beside it shows what changed."""
    data = request.POST.copy()
    data["version"] = str(receipt.version)
    form = CorrectionForm(data)
    form.add_error(None, problem)
    return render_page(request, receipt, form, status=409)


def _next_to_review(receipt: Receipt) -> Receipt | None:
    """The one below it in the list, or the first one."""
    waiting = receipt.business.receipts.to_review().exclude(pk=receipt.pk).order_by("-pk")
    return waiting.filter(pk__lt=receipt.pk).first() or waiting.first()


def redirect_to_next(receipt: Receipt) -> HttpResponse:
    following = _next_to_review(receipt)
    slug = receipt.business.slug
    if following is None:
        return redirect(f"{reverse('receipts', args=[slug])}?show=review")
    return redirect("receipt", slug, following.pk)

"""Access to runs and businesses. Other people's businesses are answered like ones that don't exist."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import PermissionDenied

from ..models import Business, Run, run_types

VIEW_ANY_BUSINESS = "runs.view_any_business"
VIEW_OPERATIONS = "runs.view_operations"
CONTROL_RUNS = "runs.control_runs"
RESET_PROGRESS = "runs.reset_progress"


def get_run_type_or_404(slug: str) -> type[Run]:
    """Raises `Http404` for a type that isn't installed."""
    for model in run_types():
        if model.slug == slug:
            return model
    raise Http404


def business_to_reset(user: Any, business_id: int) -> Business:
    """Raises `Http404` for strangers to the business, `PermissionDenied` for its plain members."""
    if user.is_staff and user.has_perm(RESET_PROGRESS):
        return get_object_or_404(Business, pk=business_id)
    get_object_or_404(Business.objects.of(user), pk=business_id)
    raise PermissionDenied


def may_view_any_business(user: Any) -> bool:
    """May this person open the pages of businesses that they aren't members of, to read only?"""
    return bool(user.is_staff and user.has_perm(VIEW_ANY_BUSINESS))


def may_view_operations(user: Any) -> bool:
    return bool(user.is_active and user.is_staff and user.has_perm(VIEW_OPERATIONS))


def may_open_pages(user: Any, business: Business) -> bool:
    return may_view_any_business(user) or Business.objects.of(user).filter(pk=business.pk).exists()

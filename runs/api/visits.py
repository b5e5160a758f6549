"""Staff with `runs.view_any_business` visit businesses that they aren't members of: to read only, and recorded.

1. A visit begins where a page of the business is opened. That is recorded in the admin's log, with the page, before
   anything is shown.
2. The session remembers the visited businesses. Only in it, and only for safe methods, do the API's own URLs answer
   too, so that the page's cards, files and players work. A token never gives access: nobody would have recorded it.
3. Everything else is answered as to any stranger: 404.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Q
from django.http import HttpRequest
from rest_framework.permissions import SAFE_METHODS

from ..models import Business, BusinessQuerySet, Run
from ..readers.one_business import fetch_own_business
from ..readers.verdict import fetch_one_repaired
from .permissions import may_view_any_business

SESSION_KEY = "visited_businesses"  # by the business's id, its pages that were opened last
REMEMBERED = 20
PART_OF_PAGE = re.compile(r"(found/|pages/\d+/)$")
LOADED_BY_PAGES = ("empty", "image")  # what browsers say of a script's `fetch` and of a picture


def find_business_to_visit(request: HttpRequest, slug: str) -> Business | None:
    """The business, read-only, after the visit was recorded. None where this request may not visit it."""
    if request.method not in SAFE_METHODS or not may_view_any_business(request.user):
        return None
    business = Business.objects.filter(slug=slug).first()
    if business is not None:
        record_visit(request, business)
        business.is_read_only = True
    return business


def record_visit(request: HttpRequest, business: Business) -> None:
    """Whenever a page is opened, but not when its script or a picture loads a part of it."""
    visited: dict[str, list[str]] = request.session.get(SESSION_KEY, {})
    pages = visited.pop(str(business.pk), [])
    page = PART_OF_PAGE.sub("", request.path)
    is_part = page in pages and request.headers.get("Sec-Fetch-Dest") in LOADED_BY_PAGES
    if not is_part:
        LogEntry.objects.log_actions(int(request.user.pk or 0), [business], CHANGE, f"Opened to read only: {page}")
    pages = [*(other for other in pages if other != page), page][-REMEMBERED:]
    latest = list(visited.items())[-REMEMBERED + 1 :]
    request.session[SESSION_KEY] = {**dict(latest), str(business.pk): pages}


def visited_ids(request: Any) -> list[int]:
    """The businesses that this request of the API may read besides the caller's own ones."""
    if request.method not in SAFE_METHODS or getattr(request, "auth", None) is not None:
        return []
    if not may_view_any_business(request.user):
        return []
    return [int(pk) for pk in request.session.get(SESSION_KEY, {})]


def has_visited(session: Mapping[str, Any], business_id: int | None) -> bool:
    return str(business_id) in session.get(SESSION_KEY, {})


def readable_businesses(request: Any) -> BusinessQuerySet:
    """The caller's own ones, and those that are visited."""
    own = Business.objects.of(request.user)
    visited = visited_ids(request)
    return Business.objects.filter(Q(pk__in=own.values("pk")) | Q(pk__in=visited)) if visited else own


def find_readable_business(request: Any, id_or_slug: str) -> Business | None:
    """One of them, read-only where it is visited."""
    if not visited_ids(request):
        return fetch_own_business(request.user.pk, id_or_slug)
    business = readable_businesses(request).find(id_or_slug)
    if business is not None:
        business.is_read_only = not Business.objects.of(request.user).filter(pk=business.pk).exists()
    return business


def fetch_visited_run(request: Any, model: type[Run], pk: int) -> Run | None:
    """A run of a visited business, without actions."""
    visited = visited_ids(request)
    if not visited:
        return None
    rows = model.objects.filter(pk=pk, business__in=visited).exclude(business__in=Business.objects.of(request.user))
    run = fetch_one_repaired(rows.with_ages())
    if run is not None:
        run.is_read_only = True
    return run

"""Endpoints for probes and Prometheus. They count, and never name a business."""

from __future__ import annotations

from ipaddress import ip_address

import structlog
from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ..database import is_database_away
from ..lifecycle.sweep import is_sweep_on_time
from .metrics import RunsCollector, count_workers

NO_STORE = {"Cache-Control": "no-store"}


def readyz(request: HttpRequest) -> HttpResponse:
    """200 while the database works and a sweep was finished recently, else 503; the body names what failed.

    It also counts the live workers of each queue, and names the queues that are missing theirs.
    """
    checks = run_checks()
    ready = all(checks.values())
    if not ready:
        structlog.contextvars.bind_contextvars(**checks)  # into the request's line of the log
    workers = count_workers() if checks["database"] else {}
    missing = [queue for queue, alive in workers.items() if not alive]
    body = {"ready": ready, **checks, "workers": workers, "missing": missing}
    return JsonResponse(body, status=200 if ready else 503, headers=NO_STORE)


def run_checks() -> dict[str, bool]:
    try:
        return {"database": True, "sweep": is_sweep_on_time()}
    except Error as error:
        if not is_database_away(error):
            raise
        return {"database": False, "sweep": False}


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; 403 for strangers, 503 while the database is away."""
    if not may_scrape(request):
        return HttpResponse("Not from here, and not without METRICS_TOKEN\n", "text/plain", 403, headers=NO_STORE)
    try:
        text = generate_latest(_registry)
    except Error as error:
        if not is_database_away(error):
            raise
        return HttpResponse("database away\n", content_type="text/plain", status=503, headers=NO_STORE)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


def may_scrape(request: HttpRequest) -> bool:
    """With the token. Where none is configured: when the client and all proxies have private addresses."""
    if token := settings.METRICS_TOKEN:
        header = request.headers.get("Authorization", "")
        return constant_time_compare(header.encode(), f"Bearer {token}".encode())
    # A client can forge this header, but a forged address can only add a reason to refuse.
    forwarded = request.headers.get("X-Forwarded-For", "")
    addresses = [request.META.get("REMOTE_ADDR", ""), *filter(None, forwarded.split(","))]
    return all(is_private_address(address.strip()) for address in addresses)


def is_private_address(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # Python before 3.13 calls all mapped addresses private
    return (mapped or address).is_private


_registry = CollectorRegistry()
_registry.register(RunsCollector())

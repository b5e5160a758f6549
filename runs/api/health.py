"""What operators' probes ask. Counts only: nothing here names a business."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import structlog
from django.conf import settings
from django.db import Error
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..database import is_database_away
from ..lifecycle.sweep import is_watching, seconds_since_sweep
from ..models import Run, run_types
from ..states import ACTIVE, Status

NO_STORE = {"Cache-Control": "no-store"}


def readyz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers and the sweep was here lately, else 503; says which."""
    checks = _checks()
    ready = all(checks.values())
    if not ready:
        structlog.contextvars.bind_contextvars(**checks)  # for the one line that the log has of this request
    return JsonResponse({"ready": ready, **checks}, status=200 if ready else 503, headers=NO_STORE)


def _checks() -> dict[str, bool]:
    try:
        return {"database": True, "sweep": is_watching()}
    except Error as error:
        if not is_database_away(error):
            raise
        return {"database": False, "sweep": False}


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; 403 for strangers, 503 while the database is away."""
    if not _may_scrape(request):
        return HttpResponse("Not from here, and not without METRICS_TOKEN\n", "text/plain", 403, headers=NO_STORE)
    try:
        text = generate_latest(_registry)
    except Error as error:
        if not is_database_away(error):
            raise
        return HttpResponse("database away\n", content_type="text/plain", status=503, headers=NO_STORE)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


def _may_scrape(request: HttpRequest) -> bool:
    """Whoever bears the token; where none is set, whoever comes from a private network all the way."""
    if token := settings.METRICS_TOKEN:
        said = request.headers.get("Authorization", "")
        return constant_time_compare(said.encode(), f"Bearer {token}".encode())
    # An address that a proxy passes on, true or made up, can only add a reason to refuse.
    passed_on = request.headers.get("X-Forwarded-For", "")
    addresses = [request.META.get("REMOTE_ADDR", ""), *filter(None, passed_on.split(","))]
    return all(_is_private(address.strip()) for address in addresses)


def _is_private(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # Python before 3.13 takes every one of these for private
    return (mapped or address).is_private


class RunsCollector(Collector):
    """Asks the database at each scrape, so every web process tells the same."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        active = GaugeMetricFamily("unstuck_runs_active", "Active runs.", labels=["type", "status"])
        oldest = GaugeMetricFamily(
            "unstuck_oldest_heartbeat_age_seconds", "Age of the oldest heartbeat of a running run.", labels=["type"]
        )
        for model in run_types():
            self._measure(model, active, oldest)
        yield active
        yield oldest
        swept = GaugeMetricFamily("unstuck_seconds_since_sweep", "Since the last round; absent before the first.")
        if (age := seconds_since_sweep()) is not None:
            swept.add_metric([], age)
        yield swept

    def _measure(self, model: type[Run], active: GaugeMetricFamily, oldest: GaugeMetricFamily) -> None:
        model.objects.all().repair()
        counts = {status.value: Count("pk", filter=Q(status=status)) for status in ACTIVE}
        age = Max("heartbeat_age", filter=Q(status=Status.RUNNING))
        found = model.objects.shown_as(*ACTIVE).with_ages().aggregate(age=age, **counts)
        for status in ACTIVE:
            active.add_metric([model.slug, status.value], found[status.value])
        oldest.add_metric([model.slug], found["age"] or 0)


_registry = CollectorRegistry()
_registry.register(RunsCollector())

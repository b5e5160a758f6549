"""What operators' probes ask. Counts only: nothing here names a business."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from django.db import Error
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..database import is_database_away
from ..models import Run, run_types
from ..states import ACTIVE, Status
from ..sweep import is_watching, seconds_since_sweep

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
    """Prometheus text; 503 while the database is away."""
    try:
        text = generate_latest(_registry)
    except Error as error:
        if not is_database_away(error):
            raise
        return HttpResponse("database away\n", content_type="text/plain", status=503, headers=NO_STORE)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


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

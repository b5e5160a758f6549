"""Endpoints for probes and Prometheus. They count, and never name a business."""

from __future__ import annotations

from collections import Counter
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
from ..lifecycle.sweep import SWEEP_QUEUE, is_watching, seconds_since_sweep
from ..models import Run, Worker, run_types
from ..models.queue_snapshot import queues, types_of
from ..states import ACTIVE, Status

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


def count_workers() -> dict[str, int]:
    """Live workers by queue, with those queues that have none."""
    alive = Counter(queue for worker in Worker.objects.alive() for queue in worker.queues)
    return {queue: alive[queue] for queue in sorted({*queues(), SWEEP_QUEUE, *alive})}


def run_checks() -> dict[str, bool]:
    try:
        return {"database": True, "sweep": is_watching()}
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


class RunsCollector(Collector):
    """Reads the database at each scrape, so that every web process returns the same values."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        active = GaugeMetricFamily("unstuck_runs_active", "Active runs.", labels=["type", "status"])
        oldest = GaugeMetricFamily(
            "unstuck_oldest_heartbeat_age_seconds", "Age of the oldest heartbeat of a running run.", labels=["type"]
        )
        for model in run_types():
            self.measure_type(model, active, oldest)
        yield active
        yield oldest
        swept = GaugeMetricFamily("unstuck_seconds_since_sweep", "Since the last round; absent before the first.")
        if (age := seconds_since_sweep()) is not None:
            swept.add_metric([], age)
        yield swept
        yield from measure_queues()

    def measure_type(self, model: type[Run], active: GaugeMetricFamily, oldest: GaugeMetricFamily) -> None:
        model.objects.all().repair()
        counts = {status.value: Count("pk", filter=Q(status=status)) for status in ACTIVE}
        age = Max("heartbeat_age", filter=Q(status=Status.RUNNING))
        row = model.objects.shown_as(*ACTIVE).with_ages().aggregate(age=age, **counts)
        for status in ACTIVE:
            active.add_metric([model.slug, status.value], row[status.value])
        oldest.add_metric([model.slug], row["age"] or 0)


def measure_queues() -> Iterator[GaugeMetricFamily]:
    workers = GaugeMetricFamily("unstuck_workers", "Workers that are alive.", labels=["queue"])
    slots = GaugeMetricFamily("unstuck_slots", "Runs that the live workers can work on at once.", labels=["queue"])
    claimable = GaugeMetricFamily("unstuck_runs_claimable", "Queued runs that wait for nothing.", labels=["queue"])
    oldest = GaugeMetricFamily(
        "unstuck_oldest_claimable_age_seconds", "How long the first of them has waited.", labels=["queue"]
    )
    alive = list(Worker.objects.alive())
    for queue, count in count_workers().items():
        workers.add_metric([queue], count)
        slots.add_metric([queue], sum(worker.slots for worker in alive if queue in worker.queues))
    for queue in queues():
        counts = [model.objects.claimable().measure_wait() for model in types_of(queue)]
        claimable.add_metric([queue], sum(number for number, _age in counts))
        oldest.add_metric([queue], max(age for _number, age in counts))
    yield from (workers, slots, claimable, oldest)


_registry = CollectorRegistry()
_registry.register(RunsCollector())

"""What Prometheus reads. Everything is counted from the database at each scrape: all web processes return the same.

What is active is counted from the rows; what has ended comes from counters that the sweep keeps, so that a long history
costs a scrape nothing. `deploy/prometheus-alerts.yml` has the alerts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from django.db.models import Count, Max, Q, Sum
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from ..lifecycle.sweep import SWEEP_QUEUE, seconds_since_sweep
from ..models import DailyOutcome, Measure, OutcomeCounter, Run, SpanCounter, Worker, run_types
from ..models.figures import BUCKETS_PER_OCTAVE, FIRST_BUCKET, LAST_BUCKET, upper_bound
from ..models.queue_snapshot import queues, types_of
from ..models.run_queryset import UNKNOWN_OUTCOMES
from ..readers.figures import fetch_days
from ..states import ACTIVE, FINISHED, ErrorCode, Status

Metric = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily

UNKNOWN_DAYS: Final = 30
# Every second octave is a bucket of the histograms: 1/16 s, 1/4 s, 1 s, 4 s, 16 s …
HISTOGRAM_BUCKETS: Final = range(FIRST_BUCKET, LAST_BUCKET, 2 * BUCKETS_PER_OCTAVE)


class RunsCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from measure_active()
        yield count_ended()
        yield from measure_spans()
        swept = GaugeMetricFamily("unstuck_seconds_since_sweep", "Since the last round; absent before the first.")
        if (age := seconds_since_sweep()) is not None:
            swept.add_metric([], age)
        yield swept
        yield from measure_queues()


def measure_active() -> Iterator[Metric]:
    active = GaugeMetricFamily("unstuck_runs_active", "Active runs.", labels=["type", "status"])
    heartbeat = GaugeMetricFamily(
        "unstuck_oldest_heartbeat_age_seconds",
        "Age of the oldest heartbeat of a running run that has declared no silence.",
        labels=["type"],
    )
    progress = GaugeMetricFamily(
        "unstuck_oldest_progress_age_seconds",
        "How long ago the running run that is slowest to advance, and doesn't wait, finished an item.",
        labels=["type"],
    )
    unknown = GaugeMetricFamily(
        "unstuck_unknown_effects",
        f"Items whose outcome is unknown, of active runs and of those that ended in the last {UNKNOWN_DAYS} days.",
        labels=["type"],
    )
    ended = count_unknown_of_ended()
    for model in run_types():
        row = measure_type(model)
        for status in ACTIVE:
            active.add_metric([model.slug, status.value], row[status.value])
        heartbeat.add_metric([model.slug], row["heartbeat"] or 0)
        progress.add_metric([model.slug], row["progress"] or 0)
        unknown.add_metric([model.slug], (row["unknown"] or 0) + ended[model.slug])
    yield from (active, heartbeat, progress, unknown)


def measure_type(model: type[Run]) -> dict[str, Any]:
    model.objects.all().repair()
    running = Q(status=Status.RUNNING)
    counts = {status.value: Count("pk", filter=Q(status=status)) for status in ACTIVE}
    measured: dict[str, Any] = (
        model.objects.shown_as(*ACTIVE)
        .with_ages()
        .aggregate(
            heartbeat=Max("heartbeat_age", filter=running & (Q(silence_left=None) | Q(silence_left__lte=0))),
            progress=Max("progress_age", filter=running & (Q(wait_left=None) | Q(wait_left__lte=0))),
            unknown=Sum(UNKNOWN_OUTCOMES),
            **counts,
        )
    )
    return measured


def count_unknown_of_ended() -> Counter[str]:
    rows = DailyOutcome.objects.filter(day__gte=fetch_days(UNKNOWN_DAYS)[0]).values_list("run_type").order_by()
    return Counter(dict(rows.annotate(Sum("unknown"))))


def count_ended() -> Metric:
    """With all outcomes that there are, at 0: the first of a kind must be seen as an increase."""
    codes = {Status.FAILED: ["", *ErrorCode.values]}
    counted: dict[tuple[str, str, str], int] = {
        (model.slug, status.value, code): 0
        for model, status in product(run_types(), FINISHED)
        for code in codes.get(status, [""])
    }
    counted |= {(row.run_type, row.status, row.error_code): row.runs for row in OutcomeCounter.objects.all()}
    ended = CounterMetricFamily(
        "unstuck_runs_ended",
        "How often runs have ended so. A run that is retried ends again.",
        labels=["type", "outcome", "code"],
    )
    for labels, number in sorted(counted.items()):
        ended.add_metric(labels, number)
    return ended


def measure_spans() -> Iterator[Metric]:
    counters = list(SpanCounter.objects.all())
    explanations = {
        Measure.DURATION: "From the first start to the end of runs that were completed.",
        Measure.WAIT: "From the creation to the first start of runs that have ended.",
    }
    for measure, explanation in explanations.items():
        family = HistogramMetricFamily(f"unstuck_run_{measure}_seconds", explanation, labels=["type"])
        for model in run_types():
            found = [row for row in counters if (row.run_type, row.measure) == (model.slug, measure)]
            buckets = [
                (str(upper_bound(bucket)), sum(row.runs for row in found if row.bucket <= bucket))
                for bucket in HISTOGRAM_BUCKETS
            ]
            everything = ("+Inf", sum(row.runs for row in found))
            family.add_metric([model.slug], [*buckets, everything], sum(row.seconds for row in found))
        yield family


def count_workers() -> dict[str, int]:
    """Live workers by queue, with those queues that have none."""
    alive = Counter(queue for worker in Worker.objects.alive() for queue in worker.queues)
    return {queue: alive[queue] for queue in sorted({*queues(), SWEEP_QUEUE, *alive})}


def measure_queues() -> Iterator[Metric]:
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

"""What a start costs beside an INSERT and a bare publish, on Redis: a process of `api`, for the broker is its own.

`BENCHMARK_BROKER=redis://… BENCHMARK_DATABASE=… python -m benchmarks.starts ROUNDS STARTS` prints the seconds of each.
"""

from __future__ import annotations

import json
import os
import sys
import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
django.setup()

from celery import current_app  # noqa: E402

from runs.drill.models import DrillRun  # noqa: E402
from runs.lifecycle.dispatch import WORK_TASK, start  # noqa: E402
from runs.models import Business  # noqa: E402

from .harness import interleaved  # noqa: E402


def main() -> None:
    rounds, starts = int(sys.argv[1]), int(sys.argv[2])
    business = Business.objects.create(name="Starts", slug="starts")

    def start_runs() -> float:
        began = time.perf_counter()
        for _ in range(starts):
            start(DrillRun, business, steps=0)
        return time.perf_counter() - began

    def insert_and_publish() -> float:
        began = time.perf_counter()
        for _ in range(starts):
            DrillRun.objects.create(business=business, steps=0)
            current_app.send_task(WORK_TASK, args=[DrillRun.queue], queue=DrillRun.queue)
        return time.perf_counter() - began

    print(json.dumps(interleaved({"start": start_runs, "insert": insert_and_publish}, rounds)))


main()

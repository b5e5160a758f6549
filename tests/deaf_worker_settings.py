"""Settings of workers that go deaf on purpose: once the file `DEAF_WHEN_EXISTS` is there, in the way of `DEAF_BY`.

Each leaves a file `deaf-NAME` beside it.
"""

import os
import time
from pathlib import Path
from typing import Any

from celery.signals import worker_ready

from tests.worker_settings import *  # noqa: F403

CHECK_SECONDS = 0.1


@worker_ready.connect
def wait_to_go_deaf(sender: Any, **kwargs: Any) -> None:
    sender.hub.call_repeatedly(CHECK_SECONDS, lambda: go_deaf(sender))


def go_deaf(consumer: Any) -> None:
    now = Path(os.environ["DEAF_WHEN_EXISTS"])
    if not now.exists():
        return
    if os.environ["DEAF_BY"] == "consumer":
        consumer.task_consumer.cancel()
    now.with_name(f"deaf-{consumer.hostname.partition('@')[0]}").touch()
    if os.environ["DEAF_BY"] == "main loop":
        time.sleep(3600)

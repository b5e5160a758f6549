"""Settings of workers that go deaf on purpose: once the file `DEAF_WHEN_EXISTS` is there, in the way of `DEAF_BY`."""

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
    if not Path(os.environ["DEAF_WHEN_EXISTS"]).exists():
        return
    if os.environ["DEAF_BY"] == "main loop":
        time.sleep(3600)
    consumer.task_consumer.cancel()

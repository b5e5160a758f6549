"""Steps that leave a footprint each, and a death at the step that the run names."""

import os
import signal
import time
from typing import NoReturn

from django.db.models.functions import Now

from ..lifecycle.worker import run_task
from ..progress.progress import Progress
from .models import DrillRun, DrillStep


@run_task(DrillRun)
def drill(run: DrillRun, progress: Progress) -> None:
    first = run.cursor.get("step", 0)
    for number in progress.track(range(first, run.steps), durably=True):
        time.sleep(run.step_seconds)
        if number == run.dies_at and (run.attempt == 1 or run.dies_again):
            die_as_ordered(run)
        progress.fenced(DrillStep.objects.create, run=run, number=number, attempt=run.attempt, pid=os.getpid())
        progress.checkpoint(step=number + 1)


def die_as_ordered(run: DrillRun) -> None:
    if run.death == DrillRun.Death.NONE:
        return
    DrillRun.objects.filter(pk=run.pk).update(died_at=Now())
    if run.death == DrillRun.Death.KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    if run.death == DrillRun.Death.RAISED:
        raise RuntimeError("raised on purpose")
    hang_forever()


def hang_forever() -> NoReturn:
    while True:
        time.sleep(3600)

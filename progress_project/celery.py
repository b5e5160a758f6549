"""The Celery application. Queues: one for each kind of run, and `control` for the sweep alone."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_prerun
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from progress_project.local import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")

broker.install_transport()

app = Celery("progress_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_django_logging(**kwargs: Any) -> None:
    """A receiver of this signal keeps Celery from replacing the handlers of `settings.LOGGING`."""


@task_prerun.connect
def replace_broken_connections(**kwargs: Any) -> None:
    """As Django does before each request: tasks of a process share their connections (`CELERY_DB_REUSE_MAX`)."""
    close_old_connections()

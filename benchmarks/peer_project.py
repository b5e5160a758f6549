"""celery-progress as its documentation sets it up: a project as `startproject` makes it, with its URLs. For `api`.

This module is its settings; `make_application` serves it like the project. Redis is at PEER_REDIS.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from django.core.wsgi import get_wsgi_application

from progress_project.pooled_wsgi import serve_in_pool
from progress_project.threads import prepare_interpreter

TASK = "00000000-0000-0000-0000-000000000000"

SECRET_KEY = "only-for-benchmarks"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.peer_urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "celery_progress",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def make_application() -> Any:
    """For `granian --factory`."""
    redis = os.environ["PEER_REDIS"]
    Celery("peer", broker=redis, backend=redis).set_default()  # of all threads: there celery-progress looks
    django = get_wsgi_application()
    prepare_interpreter()
    return serve_in_pool(django, int(os.environ["WEB_THREADS"]))


def report_progress(redis: str) -> None:
    """What `ProgressRecorder.set_progress` stores for a task in the middle of its work."""
    app = Celery("peer", broker=redis, backend=redis, set_as_current=False)
    state = {"pending": False, "current": 40, "total": 100, "percent": 40.0, "description": ""}
    app.backend.store_result(TASK, state, "PROGRESS")

"""The project's settings, for tests: nothing to configure, nothing slow, nothing outside the process."""

import os

os.environ.setdefault("DEBUG", "true")
# Playwright keeps a loop running in the thread of the tests, and Django would take every test for a coroutine.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from progress_project.settings import *  # noqa: F403
from progress_project.settings import CELERY_BROKER_TRANSPORT_OPTIONS, INSTALLED_APPS

# The contract suite's own run type, and the tests' own `flush` command.
INSTALLED_APPS = [*INSTALLED_APPS, "tests", "tests.contract"]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS.clear()  # they belong to the broker that the environment names
# A thread is joined for so long; a machine that pauses for a second would lose a message that tests count.
RUNS_BROKER_SECONDS = 60.0
# Tests write files and collect them at once.
RECORDINGS_SETTLE_SECONDS = 0

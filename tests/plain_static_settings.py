"""For a server in production whose static files nobody asks for: collecting the admin's takes longer than a test."""

from tests.worker_settings import *  # noqa: F403
from tests.worker_settings import STORAGES

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

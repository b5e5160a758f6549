"""Settings of a server in production where a test signs in: the tests' password hasher, and unhashed static files."""

from tests.settings import PASSWORD_HASHERS  # noqa: F401
from tests.worker_settings import *  # noqa: F403
from tests.worker_settings import STORAGES

# Collecting the admin's static files takes longer than any of these tests.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

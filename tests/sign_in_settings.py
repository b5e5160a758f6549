"""For a server in production at whose doors a test signs in: the tests' passwords, and the admin's page as it is."""

from tests.settings import PASSWORD_HASHERS  # noqa: F401
from tests.worker_settings import *  # noqa: F403
from tests.worker_settings import STORAGES

# Collecting the admin's static files takes longer than any of these tests.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

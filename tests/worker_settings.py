"""Settings of worker processes that a test starts: the test's database, and the environment's broker."""

import os

from progress_project.settings import *  # noqa: F403
from progress_project.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.contract"]  # servers show runs of the tests' own type too
DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]
# Tests write files and collect them at once.
RECORDINGS_SETTLE_SECONDS = 0

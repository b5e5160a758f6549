"""For worker processes that a test starts: the test's database, a broker of files, no guesses."""

import os

from progress_project.settings import *  # noqa: F403
from progress_project.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]

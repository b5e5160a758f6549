"""The project as in production, on the server that DATABASE_URL names or the embedded one."""

import os
from importlib.util import find_spec

os.environ.setdefault("UNSTUCK_VAR", "var/bench")  # never the embedded server of a running demo

from progress_project.local import postgres

if postgres.is_needed():
    os.environ["DATABASE_URL"] = postgres.database_url()
os.environ.update(
    DEBUG="false",  # with DEBUG, Django keeps every query
    SECRET_KEY="only-for-benchmarks",
    SALT_KEY="only-for-benchmarks",
    CELERY_BROKER_URL=os.environ.get("BENCHMARK_BROKER", "memory://"),
    DATABASE_POOL="false",
    DATABASE_STATEMENT_TIMEOUT_SECONDS="0",  # ten million rows take longer to make than any request may
)

from progress_project import settings as project
from progress_project.settings import *  # noqa: F403
from progress_project.settings import DATABASES, INSTALLED_APPS

if "BENCHMARK_DATABASE" in os.environ:  # of a worker
    DATABASES["default"]["NAME"] = os.environ["BENCHMARK_DATABASE"]
DATABASES["default"]["TEST"] = {"NAME": f"unstuck_benchmarks_{os.getpid()}"}

# Log lines are part of the work: they are formatted as in production and written to a sink.
LOGGING = {
    **project.LOGGING,
    "handlers": {
        "nowhere": {"class": "logging.FileHandler", "formatter": "structlog", "filename": os.devnull},
        "errors": {"class": "logging.StreamHandler", "formatter": "structlog", "level": "ERROR"},
    },
    "root": {"handlers": ["nowhere", "errors"], "level": "INFO"},
}

if find_spec("django_celery_results"):  # a peer of `track`
    INSTALLED_APPS.append("django_celery_results")

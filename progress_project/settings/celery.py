"""Celery. Messages are hints and the rows are the truth, so no result is stored and none is acknowledged late."""

from datetime import timedelta

from progress_project.local import broker
from progress_project.local.environment import env
from progress_project.settings.base import VAR_DIR
from progress_project.settings.broadcasts import WHATSAPP_CHECK_SECONDS
from progress_project.settings.runs import RUNS_SWEEP_INTERVAL_SECONDS

CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", default="") or "filesystem://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
# kB, checked between tasks. A process keeps its speech model in memory: with too low a limit it would load it for
# each run.
CELERY_WORKER_MAX_MEMORY_PER_CHILD: int = env.int("WORKER_MAX_MEMORY_MB", default=1500) * 1000
# Seconds in which Celery may still receive the result of a process that has exited. Short is safe:
# to reclaim a finished run changes nothing.
CELERY_WORKER_LOST_WAIT = 0.2
# Tasks of a process share a connection, or each would pay for a new server process and for its plans.
CELERY_DB_REUSE_MAX = CELERY_WORKER_MAX_TASKS_PER_CHILD
# The pool gives tasks to idle processes only; Celery's own count of them would be wrong after each death.
CELERY_WORKER_POOL_PUTLOCKS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker without a limit
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_WORKER_CONSUMER = "progress_project.consumer:Consumer"
# A start answers while the broker is away: one more try, then workers with a free slot find the run by themselves.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

_BROKER_AWAY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(VAR_DIR / "broker")
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **_BROKER_AWAY,
        "socket_connect_timeout": 1,
        "socket_timeout": 2,
        "socket_keepalive": True,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = _BROKER_AWAY

CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "runs.sweep",
        "schedule": timedelta(seconds=RUNS_SWEEP_INTERVAL_SECONDS),
        # Without `expires`, which compares the clocks of two machines: a late round is harmless, a dropped one isn't.
        "options": {"queue": "control"},
    },
    "whatsapp_accounts": {
        "task": "broadcasts.check_accounts",
        "schedule": timedelta(seconds=WHATSAPP_CHECK_SECONDS),
        "options": {"queue": "broadcasts"},
    },
}

"""Runs: heartbeats, the sweep, queues and outages."""

from progress_project import __version__
from progress_project.local.environment import env
from progress_project.settings.rates import read_rate, read_rates


def seconds_or_none(name: str, default: int) -> int | None:
    """A number of seconds, or `none` for no limit."""
    return None if env.str(name, default="").lower() == "none" else int(env.int(name, default=default))


RUNS_STALE_AFTER_SECONDS: int = env.int("RUNS_STALE_AFTER_SECONDS", default=300)
RUNS_FLUSH_INTERVAL_SECONDS: float = env.float("RUNS_FLUSH_INTERVAL_SECONDS", default=1.0)
RUNS_MAX_SILENCE_SECONDS: int = env.int("RUNS_MAX_SILENCE_SECONDS", default=3600)
RUNS_SWEEP_INTERVAL_SECONDS: int = env.int("RUNS_SWEEP_INTERVAL_SECONDS", default=30)
# How long a call to the broker may take. A message that it doesn't accept in time is lost, and harmless.
RUNS_BROKER_SECONDS: float = env.float("RUNS_BROKER_SECONDS", default=1.0)
RUNS_QUEUE_TIMEOUT_SECONDS = seconds_or_none("RUNS_QUEUE_TIMEOUT_SECONDS", default=86_400)
# How long a run may occupy a slot while other runs of its business wait for it.
RUNS_TIME_SLICE_SECONDS = seconds_or_none("RUNS_TIME_SLICE_SECONDS", default=300)
# How long it may while a business waits that has fewer slots than its own.
RUNS_SHORT_SLICE_SECONDS = seconds_or_none("RUNS_SHORT_SLICE_SECONDS", default=10)
# How long a run may wait in its slot, at a time or in a row. A longer wait gives the slot back.
RUNS_MAX_WAIT_IN_SLOT_SECONDS: float = env.float("RUNS_MAX_WAIT_IN_SLOT_SECONDS", default=30)
# How many runs of a type a business may have running at once, as `broadcast=2,recording=1`; unnamed: any number.
RUNS_MAX_RUNNING: dict[str, int] = env.dict("RUNS_MAX_RUNNING", cast={"value": int}, default={})
# How many runs a business may start in a time, such as 100/hour; and of single types, as `broadcast=10/hour`: these
# have a quota of their own instead.
RUNS_START_QUOTA = read_rate("RUNS_START_QUOTA", "none")
RUNS_START_QUOTAS = read_rates("RUNS_START_QUOTAS")
# How often a worker with a free slot looks for runs to claim, whatever became of the messages about them.
RUNS_CHECK_QUEUES_SECONDS: float = env.float("RUNS_CHECK_QUEUES_SECONDS", default=1.0)
# How often a worker announces itself. One that is silent for 4.5 times as long is lost (45 s); one that takes nothing
# for 3 times as long, though it should, ends itself (30 s).
RUNS_ANNOUNCE_SECONDS: float = env.float("RUNS_ANNOUNCE_SECONDS", default=10.0)
RUNS_VERSION: str = __version__  # what a worker announces
RUNS_MAX_LOSSES: int = env.int("RUNS_MAX_LOSSES", default=3)
# How long a worker waits for its open items after SIGTERM; it exits up to six seconds later.
RUNS_SHUTDOWN_SECONDS: float = env.float("RUNS_SHUTDOWN_SECONDS", default=3.0)
# How long a worker waits for its database to come back, or to take writes again. Later its run is stale anyway.
RUNS_DATABASE_PATIENCE_SECONDS: int = env.int("RUNS_DATABASE_PATIENCE_SECONDS", default=RUNS_STALE_AFTER_SECONDS)

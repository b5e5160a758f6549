"""Runs: heartbeats, the sweep, queues and outages."""

from progress_project.local.environment import env


def seconds_or_none(name: str, default: int) -> int | None:
    """A number of seconds, or `none` for no limit."""
    return None if env.str(name, default="").lower() == "none" else int(env.int(name, default=default))


RUNS_STALE_AFTER_SECONDS: int = env.int("RUNS_STALE_AFTER_SECONDS", default=300)
RUNS_FLUSH_INTERVAL_SECONDS: float = env.float("RUNS_FLUSH_INTERVAL_SECONDS", default=1.0)
RUNS_MAX_SILENCE_SECONDS: int = env.int("RUNS_MAX_SILENCE_SECONDS", default=3600)
RUNS_SWEEP_INTERVAL_SECONDS: int = env.int("RUNS_SWEEP_INTERVAL_SECONDS", default=30)
# After how long a message that no worker took is sent again; the interval then doubles.
RUNS_REPUBLISH_AFTER_SECONDS: int = env.int("RUNS_REPUBLISH_AFTER_SECONDS", default=60)
# How long a call to the broker may take. A message that it doesn't accept in time is sent again by the sweep.
RUNS_BROKER_SECONDS: float = env.float("RUNS_BROKER_SECONDS", default=1.0)
RUNS_QUEUE_TIMEOUT_SECONDS = seconds_or_none("RUNS_QUEUE_TIMEOUT_SECONDS", default=86_400)
# How long a run may occupy a slot while other runs wait for it.
RUNS_TIME_SLICE_SECONDS = seconds_or_none("RUNS_TIME_SLICE_SECONDS", default=300)
RUNS_MAX_LOSSES: int = env.int("RUNS_MAX_LOSSES", default=3)
# How long a worker waits for its open items after SIGTERM; it exits up to six seconds later.
RUNS_SHUTDOWN_SECONDS: float = env.float("RUNS_SHUTDOWN_SECONDS", default=3.0)
# How long a worker waits for its database to come back, or to take writes again. Later its run is stale anyway.
RUNS_DATABASE_PATIENCE_SECONDS: int = env.int("RUNS_DATABASE_PATIENCE_SECONDS", default=RUNS_STALE_AFTER_SECONDS)

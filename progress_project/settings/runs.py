"""Runs: heartbeats, the sweep, queues and outages."""

from progress_project.local.environment import env


def _seconds_or_none(name: str, default: int) -> int | None:
    """A number of seconds, or `none` for no limit."""
    return None if env.str(name, default="").lower() == "none" else int(env.int(name, default=default))


RUNS_STALE_AFTER_SECONDS: int = env.int("RUNS_STALE_AFTER_SECONDS", default=300)
RUNS_FLUSH_INTERVAL_SECONDS: float = env.float("RUNS_FLUSH_INTERVAL_SECONDS", default=1.0)
RUNS_MAX_SILENCE_SECONDS: int = env.int("RUNS_MAX_SILENCE_SECONDS", default=3600)
RUNS_SWEEP_INTERVAL_SECONDS: int = env.int("RUNS_SWEEP_INTERVAL_SECONDS", default=30)
# When a message that nobody has taken is sent again; the pause doubles from then on.
RUNS_REPUBLISH_AFTER_SECONDS: int = env.int("RUNS_REPUBLISH_AFTER_SECONDS", default=60)
# For how long anybody waits for the broker to take a message. What it doesn't take in time is sent again.
RUNS_BROKER_SECONDS: float = env.float("RUNS_BROKER_SECONDS", default=1.0)
RUNS_QUEUE_TIMEOUT_SECONDS = _seconds_or_none("RUNS_QUEUE_TIMEOUT_SECONDS", default=86_400)
# How long a run may keep a slot that others wait for.
RUNS_TIME_SLICE_SECONDS = _seconds_or_none("RUNS_TIME_SLICE_SECONDS", default=300)
RUNS_MAX_LOSSES: int = env.int("RUNS_MAX_LOSSES", default=3)
# For how long a worker that was asked to end waits for its items; it takes up to six more seconds to be gone.
RUNS_SHUTDOWN_SECONDS: float = env.float("RUNS_SHUTDOWN_SECONDS", default=3.0)
# For how long a worker waits for its database to come back, or to take writes again. Later its run is stale anyway.
RUNS_DATABASE_PATIENCE_SECONDS: int = env.int("RUNS_DATABASE_PATIENCE_SECONDS", default=RUNS_STALE_AFTER_SECONDS)

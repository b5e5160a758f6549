"""The statuses of runs and items, and the table of allowed transitions. Everything else is derived from here."""

from dataclasses import dataclass

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")  # waiting for a worker
    RUNNING = "running", _("Running")  # an attempt works on it and beats
    PAUSED = "paused", _("Paused")  # a person stopped it for now
    COMPLETED = "completed", _("Completed")  # final for ever
    FAILED = "failed", _("Failed")  # a person may retry it
    CANCELLED = "cancelled", _("Cancelled")  # a person may resume it


ACTIVE = (Status.QUEUED, Status.RUNNING, Status.PAUSED)
FINISHED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class Transition:
    source: Status
    target: Status
    who: str


TRANSITIONS = (
    Transition(Status.QUEUED, Status.RUNNING, "a worker's claim (attempt + 1)"),
    Transition(Status.QUEUED, Status.CANCELLED, "a person"),
    Transition(Status.QUEUED, Status.FAILED, "queue timeout, reset"),
    Transition(Status.RUNNING, Status.COMPLETED, "the worker of the attempt"),
    Transition(Status.RUNNING, Status.FAILED, "the worker, sweep or a reader's repair (stale), reset"),
    Transition(Status.RUNNING, Status.CANCELLED, "the worker of the attempt"),
    Transition(Status.RUNNING, Status.QUEUED, "interrupt (deploy, time slice), lost worker process, a long wait"),
    Transition(Status.RUNNING, Status.PAUSED, "the worker, when asked"),
    Transition(Status.PAUSED, Status.QUEUED, "a person"),
    Transition(Status.PAUSED, Status.CANCELLED, "a person"),
    Transition(Status.PAUSED, Status.FAILED, "reset"),
    Transition(Status.FAILED, Status.QUEUED, "a person's retry"),
    Transition(Status.CANCELLED, Status.QUEUED, "a person's resume"),
)


def sources_of(target: Status) -> list[Status]:
    """The statuses from which `target` may be reached."""
    return [transition.source for transition in TRANSITIONS if transition.target == target]


class ErrorCode(models.TextChoices):
    STALE = "stale", _("No heartbeat")
    WORKER_LOST = "worker_lost", _("Worker lost")
    EXCEPTION = "exception", _("Error in the program")
    RESET = "reset", _("Reset by staff")
    QUEUE_TIMEOUT = "queue_timeout", _("No worker took it")
    REJECTED = "rejected", _("Wrong configuration or credentials")
    UNREACHABLE = "unreachable", _("A server was away for too long")


class StopRequest(models.TextChoices):
    """What somebody asked a running attempt to do."""

    CANCEL = "cancel", _("Cancel")
    PAUSE = "pause", _("Pause")
    INTERRUPT = "interrupt", _("Interrupt")  # go back to the queue at the cursor


# The status in which an attempt leaves its run after a stop was requested of it.
STATUS_AFTER_STOP = {
    StopRequest.CANCEL: Status.CANCELLED,
    StopRequest.PAUSE: Status.PAUSED,
    StopRequest.INTERRUPT: Status.QUEUED,
}


class Action(models.TextChoices):
    """What a person may do to a run."""

    CANCEL = "cancel", _("Cancel")
    PAUSE = "pause", _("Pause")
    RESUME = "resume", _("Resume")
    RETRY = "retry", _("Retry")
    RETRY_FAILED = "retry-failed", _("Retry failed items")


ACTIONS: dict[Status, tuple[Action, ...]] = {
    Status.QUEUED: (Action.CANCEL,),
    Status.RUNNING: (Action.CANCEL, Action.PAUSE),
    Status.PAUSED: (Action.RESUME, Action.CANCEL),
    Status.COMPLETED: (Action.RETRY_FAILED,),
    Status.FAILED: (Action.RETRY, Action.RETRY_FAILED),
    Status.CANCELLED: (Action.RESUME, Action.RETRY_FAILED),
}


class ItemStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    IN_FLIGHT = "in_flight", _("In flight")  # its effect has begun and can't be undone
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    UNKNOWN = "unknown", _("Unknown")  # a crash left its effect unknown


def label(status: str) -> str | Promise:
    return Status(status).label

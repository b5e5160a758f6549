"""Labels and messages about runs, for timelines and for the card, which fills in `{n}` in the browser."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..states import Action, Status
from .verdict import VerdictCode

ACTORS = {
    "person": _("a member"),
    "staff": _("staff"),
    "worker": _("a worker"),
    "sweep": _("the sweep"),
    "reader": _("a reader"),
    "command": _("a command"),
    "system": _("the system"),
}
# Reasons that the code records; any other reason was typed by a person and isn't translated.
REASONS = {
    "started": _("started"),
    "claimed": _("claimed"),
    "completed": _("completed"),
    "no heartbeat": _("no heartbeat"),
    "rejected": _("rejected"),
    "exception": _("an error in the program"),
    "unreachable": _("a server was away for too long"),
    "worker lost": _("its worker was lost too often"),
    "queue timeout": _("nobody took it in time"),
    "cancelled": _("cancelled"),
    "resumed": _("resumed"),
    "resumed after worker loss": _("went on after its worker was lost"),
    "the database was away": _("the database was away"),
    "retried": _("retried"),
    "reset": _("reset"),
    "deferred": _("waits in the queue until a later time"),
    "asked to cancel": _("asked to cancel"),
    "asked to pause": _("asked to pause"),
    "asked to interrupt": _("asked to make way"),
}

VERDICT_EXPLANATIONS = {
    VerdictCode.WAITING_FOR_WORKER: _("It is in the queue, and no worker has taken it yet. It starts by itself."),
    VerdictCode.WORKING: _(
        "Its worker sent a heartbeat recently. If none comes for {limit}, the run is marked as failed."
    ),
    VerdictCode.QUIET: _(
        "Nothing was heard from its worker for a minute or more."
        " If it stays silent for {limit} in all, the run is marked as failed."
    ),
    VerdictCode.NOT_ADVANCING: _("Its worker is alive, but no item was finished for two minutes or more."),
    VerdictCode.WAITING: _("It waits until a provider lets it go on, and goes on by itself."),
    VerdictCode.STALE: _(
        "Nothing was heard from its worker for more than {limit}, so the run was marked as failed."
        " A retry goes on where it stopped."
    ),
    VerdictCode.PAUSED: _("Somebody paused it. It goes on from here when it is resumed."),
    VerdictCode.COMPLETED: _("Its worker finished the last item and said so."),
    VerdictCode.FAILED: _("It ended with an error. A retry goes on where it stopped."),
    VerdictCode.CANCELLED: _("Somebody cancelled it. It goes on from here when it is resumed."),
}

CARD_MESSAGES = {
    "task": _("Task"),
    "number": _("No. {n}"),
    "asking": _("Asking the server…"),
    "of": _("{done} of {total}"),
    "done_so_far": _("{done} so far"),
    "percent": _("{n} percent"),
    "rate": _("{n} / s"),
    "succeeded": _("succeeded"),
    "skipped": _("skipped"),
    "failed_items": _("failed"),
    "speed": _("Speed"),
    "time_left": _("about {time} left"),
    "range_left": _("{time} left"),
    "at_least_left": _("at least {time} left"),
    "goes_on": _("It goes on in {time}."),
    "last_known": _("Last known {ago}"),
    "last_known_state": _("Last known: {state}"),
    "heartbeat": _("Last sign of life {ago}"),
    "finished": _("Finished {time}"),
    "unknown": _("Unknown"),
    "no_contact": _("No contact with the server. What is shown is the last that was known."),
    "contact": _("Contact with the server is back."),
    "signed_out": _("You have been signed out."),
    "sign_in": _("Sign in again"),
    "not_found": _("There is no such run, or it isn't yours to see."),
    "failed": _("That did not work. Please try again."),
    "what_failed": _("What failed, and why"),
    "nothing_failed": _("No failed items are left."),
    "more": _("The first {n} are shown; the file has all of them."),
    "csv": _("Download as CSV"),
    "why": _("Why do we say this?"),
    "why_is": VERDICT_EXPLANATIONS,
    "why_left": _(
        "The time left is estimated from the speed of the last seconds and from the average since the start."
    ),
    "evidence": {
        "seconds_since_heartbeat": _("Last sign of life"),
        "seconds_since_progress": _("Last finished item"),
        "stale_after_seconds": _("Counts as stuck after"),
        "seconds_to_wait": _("Goes on in"),
        "place_in_queue": _("Place in the queue"),
        "running_of_limit": _("Running, of those that may"),
        "attempt": _("Attempt"),
        "worker": _("Worker"),
    },
    "events": _("What happened last"),
    "status": {status.value: status.label for status in Status},
    "actors": ACTORS,
    "reasons": REASONS,
    "asked": {
        "cancel": _("Cancelling…"),
        "pause": _("Pausing…"),
        "interrupt": _("Making way for an update…"),
    },
    "actions": {**{action.value: action.label for action in Action}, "dismiss": _("Dismiss")},
}


def translate_messages(messages: Any) -> Any:
    """Lazy translations as texts in the active language."""
    if isinstance(messages, dict):
        return {str(key): translate_messages(value) for key, value in messages.items()}
    return str(messages) if isinstance(messages, Promise) else messages

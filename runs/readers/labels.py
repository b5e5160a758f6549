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
    "unreachable": _("a server was unreachable for too long"),
    "worker lost": _("its worker was lost too often"),
    "queue timeout": _("no worker took it in time"),
    "cancelled": _("cancelled"),
    "resumed": _("resumed"),
    "resumed after worker loss": _("resumed after its worker was lost"),
    "machine lost": _("resumed after its machine was lost"),
    "the database was away": _("the database was unavailable"),
    "retried": _("retried"),
    "reset": _("reset"),
    "deferred": _("waiting until a later time"),
    "asked to cancel": _("cancelled on request"),
    "asked to pause": _("paused on request"),
    "asked to interrupt": _("interrupted"),
}

VERDICT_EXPLANATIONS = {
    VerdictCode.WAITING_FOR_WORKER: _("It is in the queue and starts when its turn comes."),
    VerdictCode.WORKING: _(
        "Its worker sent a heartbeat recently. If none comes for {limit}, the run is marked as failed."
    ),
    VerdictCode.QUIET: _(
        "Its worker has sent no heartbeat for a minute or more."
        " If none comes for {limit} in all, the run is marked as failed."
    ),
    VerdictCode.NOT_ADVANCING: _("Its worker is alive, but has finished no item for two minutes or more."),
    VerdictCode.WAITING: _("It is waiting for a provider and continues by itself."),
    VerdictCode.STALE: _(
        "Its worker sent no heartbeat for more than {limit}, so the run was marked as failed."
        " Retry to continue where it stopped."
    ),
    VerdictCode.PAUSED: _("Somebody paused it. Resume to continue from here."),
    VerdictCode.COMPLETED: _("Its worker finished the last item."),
    VerdictCode.FAILED: _("It ended with an error. Retry to continue where it stopped."),
    VerdictCode.CANCELLED: _("Somebody cancelled it. Resume to continue from here."),
}

CARD_MESSAGES = {
    "task": _("Task"),
    "number": _("No. {n}"),
    "loading": _("Loading…"),
    "of": _("{done} of {total}"),
    "done_so_far": _("{done} so far"),
    "percent": _("{n} percent"),
    "rate": _("{n} / s"),
    "succeeded": _("succeeded"),
    "skipped": _("skipped"),
    "failed_items": _("failed"),
    "unknown_items": _("unknown"),
    "speed": _("Speed"),
    "average_speed": _("Average speed"),
    "started_by": _("started by {name}"),
    "time_left": _("about {time} left"),
    "range_left": _("{time} left"),
    "at_least_left": _("at least {time} left"),
    "goes_on": _("Continues in {time}."),
    "last_known": _("Last known {ago}"),
    "last_known_state": _("Last known: {state}"),
    "heartbeat": _("Last heartbeat {ago}"),
    "waits_since": _("Waiting for {time}"),
    "ended": {
        VerdictCode.COMPLETED: _("Finished {time}"),
        VerdictCode.FAILED: _("Failed {time}"),
        VerdictCode.CANCELLED: _("Cancelled {time}"),
        VerdictCode.STALE: _("Marked as failed {time}"),
    },
    "took": _("took {time}"),
    "unknown": _("Unknown"),
    "no_contact": _("No contact with the server. This is the last known state."),
    "no_contact_badge": _("No contact"),
    "contact": _("Reconnected to the server."),
    "signed_out": _("You have been signed out."),
    "sign_in": _("Sign in again"),
    "not_found": _("This run doesn't exist, or you don't have access to it."),
    "failed": _("That did not work. Please try again."),
    "what_failed": _("What failed, and why"),
    "nothing_failed": _("No failed items are left."),
    "more": _("The first {n} are shown; the file has all of them."),
    "csv": _("Download as CSV"),
    "why": _("Why this status?"),
    "why_is": VERDICT_EXPLANATIONS,
    "why_left": _(
        "The time left lies between two estimates: from this attempt's speed, of which the latest part counts more, "
        "and from the average since the start."
    ),
    "evidence": {
        "seconds_since_heartbeat": _("Last heartbeat"),
        "seconds_since_progress": _("Last finished item"),
        "stale_after_seconds": _("Counts as stuck after"),
        "seconds_to_wait": _("Continues in"),
        "place_in_queue": _("Place in the queue"),
        "running_of_limit": _("Running under its limit"),
        "attempt": _("Attempt"),
        "worker": _("Worker"),
    },
    "events": _("Recent events"),
    "status": {status.value: status.label for status in Status},
    "actors": ACTORS,
    "reasons": REASONS,
    "stopping": {
        "cancel": _("Cancelling…"),
        "pause": _("Pausing…"),
        "interrupt": _("Interrupting…"),
        "resume": _("Resuming…"),
        "retry": _("Starting again…"),
        "retry-failed": _("Starting…"),
    },
    "starting": _("Starting…"),
    "confirm_cancel": _("Cancel this run? What is done stays done."),
    "keep": _("Don't cancel"),
    "cancel_it": _("Cancel the run"),
    "actions": {**{action.value: action.label for action in Action}, "dismiss": _("Dismiss")},
}


def translate_messages(messages: Any) -> Any:
    """Lazy translations as texts in the active language."""
    if isinstance(messages, dict):
        return {str(key): translate_messages(value) for key, value in messages.items()}
    return str(messages) if isinstance(messages, Promise) else messages

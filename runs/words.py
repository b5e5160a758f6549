"""What the run card says in the browser, in the reader's language; `{n}` is filled in there."""

from django.utils.translation import gettext_lazy as _

from .states import Action

CARD = {
    "number": _("No. {n}"),
    "of": _("{done} of {total}"),
    "done_so_far": _("{done} so far"),
    "percent": _("{n} percent"),
    "rate": _("{n} / s"),
    "time_left": _("about {time} left"),
    "last_known": _("Last known {ago}"),
    "last_known_state": _("Last known: {state}"),
    "heartbeat": _("Last sign of life {ago}"),
    "finished": _("Finished {time}"),
    "unknown": _("Unknown"),
    "no_contact": _("No contact with the server. What is shown is the last that was known."),
    "contact": _("Contact with the server is back."),
    "signed_out": _("You have been signed out."),
    "sign_in": _("Sign in again"),
    "failed": _("That did not work. Please try again."),
    "nothing_failed": _("No failed items are left."),
    "more": _("The first {n} are shown; the file has all of them."),
    "asked": {
        "cancel": _("Cancelling…"),
        "pause": _("Pausing…"),
        "interrupt": _("Making way for an update…"),
    },
    "actions": {action.value: action.label for action in Action},
}

"""Meta's error codes: whom each concerns, when the same message may be sent again, and what can be done.

One table for answers to a send and for failures that webhooks report later. A code that isn't in the table concerns
one recipient, who may be tried again at once.

https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class FaultScope(Enum):
    """What an error stops: one message, the account, or the template."""

    RECIPIENT = auto()  # this message to this recipient
    STOPPED = auto()  # the recipient wants no marketing messages
    THROTTLED = auto()  # nothing can be sent for seconds or minutes
    BLOCKED = auto()  # nothing can be sent by this account or with this token
    TEMPLATE = auto()  # nothing can be sent with this template until somebody corrects it
    TEMPLATE_WAITS = auto()  # nothing can be sent with this template for some hours; no worker waits for it


AT_ONCE: Final = timedelta(0)
NEVER: Final = None


@dataclass(frozen=True)
class Rule:
    scope: FaultScope = FaultScope.RECIPIENT
    retry: timedelta | None = AT_ONCE  # after the failure; None: never by "retry failed"
    advice: str = ""  # translated where it is shown


PAIR_RATE: Final = 131056  # too many messages to this one recipient
NO_OBJECT: Final = 33  # as a code or a subcode: the account's number can't be found


# One recipient
_UNDELIVERABLE = _("WhatsApp can't deliver to this number. Contact them another way.")
_WINDOW = _("They haven't written within 24 hours. Send them an approved template instead.")
_FULL = _("They get no more marketing messages for now. Try again after 24 hours at the earliest.")
_EXPERIMENT = _("Meta doesn't deliver marketing messages to this number. Contact them another way.")
_STOPPED = _("They opted out of marketing messages and are on the opt-out list.")
_ITSELF = _("This is the account's own number.")
_COUNTRY = _("The account may not send to this country.")
_NOT_LISTED = _("A test account sends only to the numbers on its list. Add this one and retry.")
_TOO_LONG = _("With this person's variables the message is too long. Shorten them.")
_FAULT = _("WhatsApp had an error. Try again.")
_DROPPED = _("Meta dropped the message because it is reviewing the business. Follow the review in WhatsApp Manager.")
# All recipients, for some minutes
_TOO_FAST = _("Too many messages at once. Try again in a few minutes.")
_MAINTENANCE = _("The account is under maintenance. Try again in a few minutes.")
# The account
_TOKEN = _("Renew the access token, or give it the permission to send messages.")
_NUMBER = _("Register the account's phone number with WhatsApp.")
_PAYMENT = _("Fix the payment method in WhatsApp Manager.")
_SPAM = _("Too many people blocked or reported the number. Wait, then write to fewer people.")
_ACCOUNT = _("Meta has restricted the account. See WhatsApp Manager for what to do.")
# The template
_COUNT = _("The message and the template have different numbers of variables. Enter the text as it was approved.")
_NO_TEMPLATE = _("There is no approved template with this name in this language. Check both in WhatsApp Manager.")
_POLICY = _("The template breaks WhatsApp's rules. Change it in WhatsApp Manager.")
_FORMAT = _("A variable has the wrong type for the template. Compare the message with the template.")
_DISABLED = _("WhatsApp has disabled the template permanently. Create another one and have it approved.")
_FLOW = _("The template's flow is blocked. Fix the flow in WhatsApp Manager.")
_PAUSED = _(
    "WhatsApp paused the template after negative feedback. The pause ends after some hours;"
    " if it doesn't, unpause the template in WhatsApp Manager."
)
_FLOW_FAST = _("WhatsApp allows only a few messages an hour with the template's flow.")

_RULES: Final[tuple[tuple[Iterable[int], Rule], ...]] = (
    ([131026], Rule(retry=NEVER, advice=_UNDELIVERABLE)),  # not on WhatsApp, or their terms or version are too old
    ([131047], Rule(retry=NEVER, advice=_WINDOW)),  # more than 24 hours since they last wrote
    # WhatsApp limits the marketing messages that a person gets from all businesses together.
    ([131049], Rule(retry=timedelta(hours=24), advice=_FULL)),
    ([130472], Rule(retry=NEVER, advice=_EXPERIMENT)),
    ([131050], Rule(FaultScope.STOPPED, NEVER, _STOPPED)),
    ([131021], Rule(retry=NEVER, advice=_ITSELF)),
    ([130497], Rule(retry=NEVER, advice=_COUNTRY)),
    ([131030], Rule(advice=_NOT_LISTED)),
    ([132005], Rule(retry=NEVER, advice=_TOO_LONG)),  # once this recipient's variables are filled in
    ([131000, 131016, 133004], Rule(advice=_FAULT)),
    # https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/portfolio-pacing
    ([135000], Rule(retry=timedelta(hours=24), advice=_DROPPED)),  # Meta names no time for its review
    ([4, 80007, 130429, PAIR_RATE], Rule(FaultScope.THROTTLED, advice=_TOO_FAST)),
    ([131057], Rule(FaultScope.THROTTLED, advice=_MAINTENANCE)),
    ([0, 3, 10, 190, *range(200, 300), 131005], Rule(FaultScope.BLOCKED, advice=_TOKEN)),
    ([NO_OBJECT, 131045, 133010], Rule(FaultScope.BLOCKED, advice=_NUMBER)),
    ([131042], Rule(FaultScope.BLOCKED, advice=_PAYMENT)),
    ([131048], Rule(FaultScope.BLOCKED, advice=_SPAM)),
    ([368, 131031, 131037, 131063, 131064], Rule(FaultScope.BLOCKED, advice=_ACCOUNT)),
    ([132000], Rule(FaultScope.TEMPLATE, advice=_COUNT)),
    ([132001], Rule(FaultScope.TEMPLATE, advice=_NO_TEMPLATE)),
    ([132007], Rule(FaultScope.TEMPLATE, advice=_POLICY)),
    ([132012], Rule(FaultScope.TEMPLATE, advice=_FORMAT)),
    ([132016], Rule(FaultScope.TEMPLATE, advice=_DISABLED)),
    ([132068], Rule(FaultScope.TEMPLATE, advice=_FLOW)),
    # https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pausing
    ([132015], Rule(FaultScope.TEMPLATE_WAITS, advice=_PAUSED)),
    ([132069], Rule(FaultScope.TEMPLATE_WAITS, advice=_FLOW_FAST)),  # ten messages an hour
)
RULES: Final[dict[str, Rule]] = {str(code): rule for codes, rule in _RULES for code in codes}

STOPPED: Final = "131050"
# The reason that is shown while a broadcast waits in the queue, by code.
WAIT_REASONS: Final = {
    "132015": _("WhatsApp has paused the template"),
    "132069": _("The template's flow was sent too often"),
}


def rule_of(code: object) -> Rule:
    return RULES.get(str(code), Rule())


def advice_for(code: object) -> str:
    """What can be done about the error, in the reader's language; empty for codes that aren't in the table."""
    advice = rule_of(code).advice
    return gettext(advice) if advice else ""


def codes_by_retry() -> dict[timedelta | None, list[str]]:
    """The codes after which a message must not be sent again at once, by the wait after the failure."""
    waits: dict[timedelta | None, list[str]] = {}
    for code, rule in RULES.items():
        if rule.retry != AT_ONCE:
            waits.setdefault(rule.retry, []).append(code)
    return waits

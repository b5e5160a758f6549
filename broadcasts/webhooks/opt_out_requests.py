"""Opt-outs that come by webhooks: messages, buttons, WhatsApp's own switch, and refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pywa.types.base_update import BaseUserUpdate
from pywa.types.message import Message
from pywa.types.user_preferences import MarketingPreference, UserPreferenceCategory

from runs.text import clean

from .. import opt_outs, whatsapp_users
from ..meta_errors import STOPPED
from ..models import OptOut, ProviderAccount
from ..opt_out_phrases import OptOutRequest, parse_button, parse_request
from .payload import Change
from .statuses import DeliveryStatus, find_recipients, match_recipients
from .updates import IncomingMessage, parse_message, parse_preference

_PREFERENCES: Final = {MarketingPreference.STOP: OptOutRequest.STOP, MarketingPreference.RESUME: OptOutRequest.START}


def apply_opt_out_requests(account: ProviderAccount, change: Change) -> dict[str, str]:
    """Apply people's requests to stop or to resume; return the numbers of those whom Meta names by an id too."""
    users: dict[str, str] = {}
    for part in change.parts("messages"):
        if (message := parse_message(change, part)) is not None:
            request, words = parse_opt_out_request(message)
            apply_opt_out_request(account, message, request, OptOut.Source.WORDS, clean(words))
            users |= whatsapp_users.match_user(*ids_of(message))
    for part in change.parts("user_preferences"):
        preference = parse_preference(change, part)
        # Compared with None: pywa's preference is falsy where it is to stop.
        if preference is not None and preference.category == UserPreferenceCategory.MARKETING_MESSAGES:
            request = _PREFERENCES.get(preference.value)
            apply_opt_out_request(account, preference, request, OptOut.Source.PREFERENCES)
            users |= whatsapp_users.match_user(*ids_of(preference))
    return users


def parse_opt_out_request(message: IncomingMessage) -> tuple[OptOutRequest | None, str]:
    """The person's request and their words: those typed, or the title of the button."""
    if isinstance(message, Message):
        text = message.text if isinstance(message.text, str) else ""
        return parse_request(text), text
    title, payload = (text if isinstance(text, str) else "" for text in (message.title, message.data))
    return parse_button(title, payload), title


def apply_opt_out_request(
    account: ProviderAccount,
    update: BaseUserUpdate,
    request: OptOutRequest | None,
    source: OptOut.Source,
    words: str = "",
) -> None:
    if request:
        person = ids_of(update)
        whatsapp_users.apply_request(account.business_id, *person, request, source, update.timestamp, words)


def ids_of(update: BaseUserUpdate) -> tuple[str, str]:
    """The person's number as WhatsApp writes it, and Meta's id for them; each may be empty."""
    return (update.from_user.wa_id or "").lstrip("+"), update.from_user.bsuid or ""


def record_stops_of_refusals(statuses: Iterable[DeliveryStatus]) -> None:
    """Opt out the people who, as Meta reports, have stopped marketing.

    Also where the refused message isn't ours: others may use the account beside this program.
    """
    refused = [status for status in statuses if status.error_code == STOPPED]
    for status in refused:
        request = (OptOutRequest.STOP, OptOut.Source.REFUSED, status.at)
        whatsapp_users.apply_request(status.account.business_id, status.wa_id, status.user_id, *request)
    for recipient, status in match_recipients(refused, find_recipients(refused)) if refused else ():
        person = opt_outs.Person(status.account.business_id, recipient.phone)
        opt_outs.record_stop(person, OptOut.Source.REFUSED, status.at)

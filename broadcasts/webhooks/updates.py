"""Parts of a webhook as pywa's updates, one by one.

A payload may contain many entries, changes and statuses, but pywa reads only the first. So it is given every part on
its own, reduced to the fields that are used here: an unknown shape of the others (prices, conversations) must not cost
a message its status. What pywa can't read is logged and ignored.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, cast

from pywa.client import WhatsApp
from pywa.types.account_update import AccountUpdate
from pywa.types.base_update import BaseUpdate, RawUpdate
from pywa.types.callback import CallbackButton, CallbackSelection
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus
from pywa.types.templates import TemplateStatusUpdate
from pywa.types.user_preferences import UserMarketingPreferences

from .payload import Change, dicts_in, parse_id, parse_timestamp

logger = logging.getLogger(__name__)

# https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
_USER_ID: Final = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,132}")
NO_CODE: Final = 0  # of an error without one; no message fails by Meta's own code 0, which is about a token
U = TypeVar("U", bound=BaseUpdate)

IncomingMessage = Message | CallbackButton[Any] | CallbackSelection[Any]
_REPLIES: Final[dict[str, type[CallbackButton[Any] | CallbackSelection[Any]]]] = {
    "button_reply": CallbackButton,
    "list_reply": CallbackSelection,
}
_CAPTIONED: Final = ("image", "video", "document")


def parse_message_status(change: Change, part: Mapping[str, Any]) -> MessageStatus[Any] | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status"""
    used = {"id": "", **pick(part, "id", "status", "biz_opaque_callback_data"), "timestamp": parse_timestamp(part)}
    if error := next(iter(dicts_in(part, "errors")), None):
        code = error.get("code")
        known = {"code": code if isinstance(code, int) else NO_CODE, **pick(error, "error_data")}
        used["errors"] = [{**known, "message": error.get("title") or error.get("message") or ""}]
    contacts = build_contacts(part.get("recipient_id"), part.get("recipient_user_id"))
    return parse_update(MessageStatus, change, {"statuses": [used], "contacts": contacts})


def parse_preference(change: Change, part: Mapping[str, Any]) -> UserMarketingPreferences | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences"""
    used = {"detail": "", **pick(part, "value", "category"), "timestamp": parse_timestamp(part)}
    contacts = build_contacts(part.get("wa_id"), part.get("user_id"))
    return parse_update(UserMarketingPreferences, change, {"user_preferences": [used], "contacts": contacts})


def parse_message(change: Change, part: Mapping[str, Any]) -> IncomingMessage | None:
    """A text, a picture's caption, or a button that was pressed; None for other messages.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
    """
    used = {"id": "", "from": "", **pick(part, "id", "from", "type"), "timestamp": parse_timestamp(part)}
    kind: type[IncomingMessage] | None = Message if part.get("type") == "text" else None
    contacts = build_contacts(part.get("from"), part.get("from_user_id"))
    if part.get("type") == "button":
        kind = CallbackButton
        used["button"] = {"payload": "", **dict_in(part, "button")}
    elif part.get("type") == "interactive":
        replies = dict_in(part, "interactive")
        name = next((name for name in _REPLIES if name in replies), "")
        kind = _REPLIES.get(name)
        used |= {"interactive": {name: {"id": "", **dict_in(replies, name)}}, "context": {"id": "", "from": ""}}
    elif kind:
        used["text"] = dict_in(part, "text")
    elif part.get("type") in _CAPTIONED:
        kind, caption = Message, dict_in(part, str(part["type"])).get("caption", "")
        used |= {"type": "text", "text": {"body": caption}}
    return parse_update(kind, change, {"messages": [used], "contacts": contacts}) if kind else None


def parse_template_status(change: Change) -> TemplateStatusUpdate | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update"""
    used = {"message_template_id": "", **pick(change.value, "event", "message_template_name")}
    if isinstance(language := change.value.get("message_template_language"), str):
        used["message_template_language"] = language.replace("-", "_")  # here Meta writes en-US, elsewhere en_US
    return parse_update(TemplateStatusUpdate, change, used)


def parse_account_update(change: Change) -> AccountUpdate | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update"""
    return parse_update(AccountUpdate, change, pick(change.value, "event"))


def parse_update(kind: type[U], change: Change, value: Mapping[str, Any]) -> U | None:
    metadata = {"display_phone_number": "", "phone_number_id": change.phone_number_id}
    changed = {"value": {"metadata": metadata, **value}}
    entry = {"id": change.waba_id, "time": change.time, "changes": [changed]}
    try:
        return cast("U", kind.from_update(offline_client(), cast("RawUpdate", {"entry": [entry]})))
    except Exception as error:
        # A signer may send any types, ranges and values; pywa only warns of some, and raises for others.
        logger.warning("A webhook's %s can't be read: %r", change.field or kind.__name__, error)
        return None


@cache
def offline_client() -> WhatsApp:
    """A client that only reads updates: without a token it can't call Meta."""
    return WhatsApp(filter_updates=False, validate_updates=False)


def pick(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: part[name] for name in names if name in part}


def dict_in(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = part.get(name)
    return value if isinstance(value, dict) else {}


def build_contacts(wa_id: object, user_id: object) -> list[dict[str, Any]]:
    """One person by number, id or both; pywa needs contacts in every update, and Meta sends them in some."""
    is_user = isinstance(user_id, str) and _USER_ID.fullmatch(user_id)
    return [{"wa_id": parse_id(wa_id), "user_id": user_id if is_user else ""}]

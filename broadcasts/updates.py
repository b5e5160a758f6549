"""Meta's webhooks as pywa's updates, one by one.

A payload may hold many entries, changes and statuses, and pywa reads the first of each, so every part is given to
it alone, with no more than what is used of it: an unknown shape of the rest (prices, conversations) must not cost
us what became of a message. What pywa can't read says nothing. Meta sends everything again and in any order.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
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

from runs.text import clean
from runs.unstorable import is_storable

from .opt_out_phrases import OptOutRequest, parse_button, parse_request

logger = logging.getLogger(__name__)

# https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
_USER_ID: Final = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,132}")
MAX_ID: Final = 64  # characters, as in the accounts' table
NO_CODE: Final = 0  # of an error that says none; no message fails by Meta's own code 0, which is about a token
U = TypeVar("U", bound=BaseUpdate)


@dataclass(frozen=True)
class Change:
    """One change of a payload: of which field, and of which WhatsApp Business Account or phone number."""

    field: str
    waba_id: str
    phone_number_id: str
    time: int  # Meta's Unix time
    value: Mapping[str, Any]

    def parts(self, name: str) -> list[dict[str, Any]]:
        return dicts(self.value, name)


def changes(payload: Any) -> Iterator[Change]:
    """Whatever doesn't have the shape of one is passed over."""
    for entry in dicts(payload, "entry"):
        for change in dicts(entry, "changes"):
            value = change.get("value")
            if isinstance(value, dict):
                metadata = value.get("metadata")
                number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
                yield Change(
                    field=clean(change.get("field", ""), MAX_ID),
                    waba_id=id_of(entry.get("id")),
                    phone_number_id=id_of(number),
                    time=_timestamp({"timestamp": entry["time"]} if "time" in entry else {}),
                    value=value,
                )


def dicts(holder: Any, name: str) -> list[dict[str, Any]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def id_of(said: object) -> str:
    """Empty for whatever can't be one of Meta's ids."""
    text = str(said) if isinstance(said, str | int) and not isinstance(said, bool) else ""
    return text if is_storable(text) and len(text) <= MAX_ID else ""


# As pywa reads them


def message_status(change: Change, said: Mapping[str, Any]) -> MessageStatus[Any] | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status"""
    used = {"id": "", **_only(said, "id", "status", "biz_opaque_callback_data"), "timestamp": _timestamp(said)}
    if error := next(iter(dicts(said, "errors")), None):
        code = error.get("code")
        told = {"code": code if isinstance(code, int) else NO_CODE, **_only(error, "error_data")}
        used["errors"] = [{**told, "message": error.get("title") or error.get("message") or ""}]
    contacts = _contacts(said.get("recipient_id"), said.get("recipient_user_id"))
    return _read(MessageStatus, change, {"statuses": [used], "contacts": contacts})


def marketing_preference(change: Change, said: Mapping[str, Any]) -> UserMarketingPreferences | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences"""
    used = {"detail": "", **_only(said, "value", "category"), "timestamp": _timestamp(said)}
    contacts = _contacts(said.get("wa_id"), said.get("user_id"))
    return _read(UserMarketingPreferences, change, {"user_preferences": [used], "contacts": contacts})


Written = Message | CallbackButton[Any] | CallbackSelection[Any]
_REPLIES: Final[dict[str, type[CallbackButton[Any] | CallbackSelection[Any]]]] = {
    "button_reply": CallbackButton,
    "list_reply": CallbackSelection,
}
_CAPTIONED: Final = ("image", "video", "document")


def written(change: Change, said: Mapping[str, Any]) -> Written | None:
    """What somebody has typed, below a picture too, or pressed.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
    """
    common = {"id": "", "from": "", **_only(said, "id", "from", "type"), "timestamp": _timestamp(said)}
    kind: type[Written] | None = Message if said.get("type") == "text" else None
    contacts = _contacts(said.get("from"), said.get("from_user_id"))
    if said.get("type") == "button":
        kind = CallbackButton
        common["button"] = {"payload": "", **_dict(said, "button")}
    elif said.get("type") == "interactive":
        replies = _dict(said, "interactive")
        name = next((name for name in _REPLIES if name in replies), "")
        kind = _REPLIES.get(name)
        common |= {"interactive": {name: {"id": "", **_dict(replies, name)}}, "context": {"id": "", "from": ""}}
    elif kind:
        common["text"] = _dict(said, "text")
    elif said.get("type") in _CAPTIONED:
        kind, caption = Message, _dict(said, str(said["type"])).get("caption", "")
        common |= {"type": "text", "text": {"body": caption}}
    return _read(kind, change, {"messages": [common], "contacts": contacts}) if kind else None


def request_in(update: Written) -> tuple[OptOutRequest | None, str]:
    """What the person wants, and their words: those typed, or the title of what was pressed."""
    if isinstance(update, Message):
        text = update.text if isinstance(update.text, str) else ""
        return parse_request(text), text
    title, payload = (text if isinstance(text, str) else "" for text in (update.title, update.data))
    return parse_button(title, payload), title


def template_status(change: Change) -> TemplateStatusUpdate | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update"""
    used = {"message_template_id": "", **_only(change.value, "event", "message_template_name")}
    if isinstance(language := change.value.get("message_template_language"), str):
        used["message_template_language"] = language.replace("-", "_")  # here Meta writes en-US, elsewhere en_US
    return _read(TemplateStatusUpdate, change, used)


def account_update(change: Change) -> AccountUpdate | None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update"""
    return _read(AccountUpdate, change, _only(change.value, "event"))


def _only(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: said[name] for name in names if name in said}


def _dict(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}


def _contacts(wa_id: object, user_id: object) -> list[dict[str, Any]]:
    """Of one person, by either or both; pywa wants them for every update, and Meta sends them with some."""
    is_user = isinstance(user_id, str) and _USER_ID.fullmatch(user_id)
    return [{"wa_id": wa_id if isinstance(wa_id, str) else "", "user_id": user_id if is_user else ""}]


def _timestamp(said: Mapping[str, Any]) -> int:
    """Meta's Unix time; now for one that lies ahead, or is none."""
    now = int(time.time())
    with suppress(ValueError, TypeError, OverflowError):
        return max(0, min(int(said["timestamp"]), now)) if "timestamp" in said else now
    return now


def _read(kind: type[U], change: Change, value: Mapping[str, Any]) -> U | None:
    metadata = {"display_phone_number": "", "phone_number_id": change.phone_number_id}
    changed = {"value": {"metadata": metadata, **value}}
    entry = {"id": change.waba_id, "time": change.time, "changes": [changed]}
    try:
        return cast("U", kind.from_update(_client(), cast("RawUpdate", {"entry": [entry]})))
    except Exception as error:
        # Anything that somebody signed may be in there: types, ranges, values that pywa only warns of.
        logger.warning("A webhook's %s can't be read: %r", change.field or kind.__name__, error)
        return None


@cache
def _client() -> WhatsApp:
    """It reads updates only: without a token it can't call Meta."""
    return WhatsApp(filter_updates=False, validate_updates=False)

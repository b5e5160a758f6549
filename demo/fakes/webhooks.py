"""What Meta sends to a webhook, in its documented wire format, and how it signs that.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any, Final

from broadcasts.models import ProviderAccount

WABA: Final = "102290129340398"
DISPLAY_NUMBER: Final = "15556459128"


def sign(payload: Any, secret: str) -> tuple[bytes, dict[str, str]]:
    """The body, and the header with its signature."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {"X-Hub-Signature-256": f"sha256={signature}"}


def of_number(account: ProviderAccount, field: str = "messages", **parts: Any) -> dict[str, Any]:
    """About one phone number: messages, statuses, preferences."""
    metadata = {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": account.phone_number_id}
    return _payload(account.waba_id or WABA, field, {"messaging_product": "whatsapp", "metadata": metadata, **parts})


def of_account(account: ProviderAccount, field: str, value: dict[str, Any], at: float | None = None) -> dict[str, Any]:
    """About the whole account: templates, limits, restrictions. It names no phone number id."""
    payload = _payload(account.waba_id, field, value)
    payload["entry"][0]["time"] = int(time.time() if at is None else at)
    return payload


def _payload(waba_id: str, field: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": waba_id, "changes": [{"field": field, "value": value}]}],
    }


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages


def text(number: str, body: str, at: float | None = None) -> dict[str, Any]:
    return {**_message(number, "text", at), "text": {"body": body}}


def button(number: str, title: str, payload: str = "") -> dict[str, Any]:
    """A template's quick reply."""
    return {**_message(number, "button"), "button": {"text": title, "payload": payload or title}}


def reply(number: str, kind: str, title: str) -> dict[str, Any]:
    """`kind`: button_reply, or list_reply."""
    return {**_message(number, "interactive"), "interactive": {"type": kind, kind: {"id": "choice-1", "title": title}}}


def _message(number: str, kind: str, at: float | None = None) -> dict[str, Any]:
    return {"from": number, "id": f"wamid.in.{number}", "timestamp": _time(at), "type": kind}


def _time(at: float | None) -> str:
    return str(int(time.time() if at is None else at))


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status


def status(
    name: str, message_id: str, tracker: str = "", error: dict[str, Any] | None = None, at: float | None = None
) -> dict[str, Any]:
    content: dict[str, Any] = {"id": message_id, "status": name, "timestamp": _time(at)}
    if tracker:
        content["biz_opaque_callback_data"] = tracker
    return content | ({"errors": [error]} if error else {})


def error(code: int, title: str = "It failed") -> dict[str, Any]:
    return {"code": code, "title": title, "message": title, "error_data": {"details": f"Details of {code}."}}


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences


def preference(number: str, value: str, at: float | None = None) -> dict[str, Any]:
    """`value`: stop or resume."""
    return {
        "wa_id": number,
        "detail": f"User requested to {value} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(_time(at)),
    }


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update


def template_status(event: str, name: str, language: str) -> dict[str, Any]:
    content = {
        "event": event,
        "message_template_id": 1689556908129832,
        "message_template_name": name,
        "message_template_language": language,
        "reason": "NONE",
        "message_template_category": "MARKETING",
    }
    title = {"PAUSED": "FIRST_PAUSE", "APPROVED": "UNPAUSE"}.get(event)
    words = f"Your WhatsApp message template: {title}."
    return {**content, "other_info": {"title": title, "description": words}} if title else content


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/account_update


def restriction(kind: str, expiration: object) -> dict[str, Any]:
    return {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [{"restriction_type": kind, "expiration": expiration}],
    }


def ban(state: str) -> dict[str, Any]:
    return {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state, "waba_ban_date": "January 2, 2026"}}


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/phone_number_quality_update


def quality_update(event: str, limit: str) -> dict[str, Any]:
    return {
        "display_phone_number": DISPLAY_NUMBER,
        "event": event,
        "current_limit": limit,
        "max_daily_conversations_per_business": limit,
    }


# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/business_capability_update


def capability_update(limit: int) -> dict[str, Any]:
    return {
        "max_daily_conversations_per_business": limit,
        "max_phone_numbers_per_business": 2,
        "max_phone_numbers_per_waba": 20,
    }

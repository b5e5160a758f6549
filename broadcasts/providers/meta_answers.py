"""Meta's answers to a send, parsed: `Accepted`, or a `ProviderError`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from pywa.errors import WhatsAppError

from ..meta_errors import NO_OBJECT, FaultScope, rule_of
from ..stored_messages import CONNECTION_BROKE
from . import Accepted, Blocked, ProviderError, Refused, TemplateWaits, Throttled, Unclear, Unreachable

T = TypeVar("T")

# Raised before a single byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def call_translating_errors(make_request: Callable[[], T]) -> T:
    """Call `make_request`; its errors are raised as a `ProviderError`."""
    try:
        return make_request()
    except WhatsAppError as error:
        raise classify_error(error) from error
    except NOT_SENT as error:
        raise Unreachable(explain_broken(error), "unreachable") from error
    except Exception as error:
        # The connection broke, the answer was too slow or can't be read: the message may be on its way.
        raise Unclear(explain_broken(error), "no_answer") from error


def explain_broken(error: Exception) -> str:
    return CONNECTION_BROKE % {"error": ": ".join(filter(None, (type(error).__name__, str(error))))}


def classify_error(error: WhatsAppError) -> ProviderError:
    """What one of Meta's errors means for this message and the next ones."""
    text = ": ".join(str(part) for part in (error.message, error.details) if part)
    # Meta's error for a deleted number, or one that the token may not use: "Object with ID … does not exist".
    code = NO_OBJECT if (error.code, error.subcode) == (100, NO_OBJECT) else error.code
    status, scope = error.status_code or 0, rule_of(code).scope
    if status == httpx.codes.TOO_MANY_REQUESTS or scope == FaultScope.THROTTLED:
        return Throttled(text, code, seconds=read_retry_after(error))
    if scope == FaultScope.TEMPLATE_WAITS:
        return TemplateWaits(text, code)
    if scope in (FaultScope.BLOCKED, FaultScope.TEMPLATE) or status == httpx.codes.UNAUTHORIZED:
        return Blocked(text, code)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unclear(text, code)  # Meta has read the request, and may have sent the message before it failed
    return Refused(text, code)


def read_retry_after(error: WhatsAppError) -> float | None:
    header = error.raw_response.headers.get("Retry-After", "") if error.raw_response is not None else ""
    return float(header) if header.isdecimal() else None


def parse_accepted(answer: dict[str, Any], phone: str) -> Accepted:
    """`phone`: the number that the message was sent to."""
    sent = answer["messages"][0]
    return Accepted(str(sent["id"]), parse_delivery(sent.get("message_status")), find_other_number(answer, phone))


def parse_delivery(message_status: object) -> str:
    is_held_back = message_status in ("held_for_quality_assessment", "paused")
    return str(message_status) if is_held_back else "accepted"


def find_other_number(answer: dict[str, Any], phone: str) -> str:
    """The recipient's number as WhatsApp writes it; empty where that is `phone`.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
    """
    contacts = answer.get("contacts")
    contact = contacts[0] if isinstance(contacts, list) and contacts else None
    wa_id = contact.get("wa_id") if isinstance(contact, dict) else None
    is_other = isinstance(wa_id, str) and wa_id.isdecimal() and len(wa_id) <= 20 and wa_id != phone.lstrip("+")
    return str(wa_id) if is_other else ""

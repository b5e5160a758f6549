"""Meta's WhatsApp Cloud API."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pywa.client import WhatsApp
from pywa.errors import WhatsAppError
from pywa.types.others import BusinessPhoneNumber

from ..messages import Message
from ..meta_errors import NO_OBJECT, Kind, rule_of
from . import Accepted, Blocked, ProviderError, Refused, TemplateWaits, Throttled, Unclear, Unreachable

T = TypeVar("T")


# https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
PHONE_NUMBER_FIELDS = (
    "id",
    "display_phone_number",
    "quality_rating",
    "whatsapp_business_manager_messaging_limit",
    "health_status",
)


# Before a single byte of the request has left.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _Session(httpx.Client):
    """Parses an address once: every message goes to the same one, and httpx would put it together each time."""

    @lru_cache(maxsize=16)  # noqa: B019  it lives as long as the run
    def _absolute(self, path: str) -> httpx.URL:
        return httpx.URL(f"{str(self.base_url).rstrip('/')}/{path.lstrip('/')}")

    def request(self, method: str, url: httpx.URL | str, **arguments: Any) -> httpx.Response:
        return super().request(method, self._absolute(url) if isinstance(url, str) else url, **arguments)


class MetaCloud:
    """Over connections that are kept open."""

    def __init__(
        self,
        *,
        url: str,
        phone_number_id: str,
        token: str,
        connect_seconds: float,
        answer_seconds: float,
        at_once: int,
    ) -> None:
        self.at_once = at_once
        self._phone_number_id = phone_number_id
        self._session = _Session(timeout=httpx.Timeout(answer_seconds, connect=connect_seconds))
        self._whatsapp = WhatsApp(phone_id=phone_number_id, token=token, session=self._session)
        # pywa has set its own; a version of the API is part of it.
        self._session.base_url = httpx.URL(url.rstrip("/") + self._session.base_url.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def send(self, message: Message) -> Accepted:
        return _call(lambda: self._accepted(message))

    def check(self) -> None:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status/"""
        _call(lambda: self._whatsapp.api.get_business_phone_number(self._phone_number_id, ("id",)))

    def _accepted(self, message: Message) -> Accepted:
        told = self._send(message)
        sent = told["messages"][0]
        return Accepted(str(sent["id"]), _delivery(sent.get("message_status")), _other_number(told, message.to))

    def _send(self, message: Message) -> dict[str, Any]:
        """The answer as it is: pywa's own types know no `paused`, and nothing of a text's `message_status`.

        https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
        """
        text = {"preview_url": True, "body": message.text}
        template = {
            "name": message.template,
            "language": {"code": message.language},
            "components": _components(message.parameters),
        }
        return self._whatsapp.api.send_message(
            sender=self._phone_number_id,
            to=message.to,
            recipient=None,
            recipient_type="individual",
            typ="template" if message.template else "text",
            msg=template if message.template else text,
            biz_opaque_callback_data=message.tracker,
        )

    def fetch_phone_number(self) -> BusinessPhoneNumber:
        """What Meta says of the account's number. Raises a `ProviderError`."""
        return _call(self._phone_number)

    def _phone_number(self) -> BusinessPhoneNumber:
        told = self._whatsapp.api.get_business_phone_number(self._phone_number_id, PHONE_NUMBER_FIELDS)
        number: BusinessPhoneNumber = BusinessPhoneNumber.from_dict(told)
        return number


def _delivery(message_status: object) -> str:
    """Accepted, where it isn't held back."""
    is_held = message_status in ("held_for_quality_assessment", "paused")
    return str(message_status) if is_held else "accepted"


def _other_number(told: dict[str, Any], written: str) -> str:
    """WhatsApp's own way to write the recipient's number; empty where it is the one that was written to.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
    """
    contacts = told.get("contacts")
    contact = contacts[0] if isinstance(contacts, list) and contacts else None
    wa_id = contact.get("wa_id") if isinstance(contact, dict) else None
    is_other = isinstance(wa_id, str) and wa_id.isdecimal() and len(wa_id) <= 20 and wa_id != written.lstrip("+")
    return str(wa_id) if is_other else ""


def _call(call: Callable[[], T]) -> T:
    """Raises a `ProviderError`."""
    try:
        return call()
    except WhatsAppError as error:
        raise _meaning(error) from error
    except NOT_SENT as error:
        raise Unreachable(f"{type(error).__name__}: {error}", "unreachable") from error
    except Exception as error:
        # Broken off, too slow, or an answer that says nothing: the message may be on its way.
        raise Unclear(f"{type(error).__name__}: {error}", "no_answer") from error


def _components(parameters: tuple[tuple[str, str], ...]) -> list[Any]:
    """The template's body; parameters that have names are sent with them."""
    if not parameters:
        return []
    told = [
        {"type": "text", "text": value, **({} if name.isdecimal() else {"parameter_name": name})}
        for name, value in parameters
    ]
    return [{"type": "body", "parameters": told}]


def _meaning(error: WhatsAppError) -> ProviderError:
    """What one of Meta's errors means for this message and the next ones."""
    words = ": ".join(str(part) for part in (error.message, error.details) if part)
    # Of a deleted number, or one that the token may not use, Meta says: "Object with ID … does not exist".
    code = NO_OBJECT if (error.code, error.subcode) == (100, NO_OBJECT) else error.code
    status, kind = error.status_code or 0, rule_of(code).kind
    if status == httpx.codes.TOO_MANY_REQUESTS or kind == Kind.THROTTLED:
        return Throttled(words, code, seconds=_retry_after(error))
    if kind == Kind.TEMPLATE_WAITS:
        return TemplateWaits(words, code)
    if kind in (Kind.BLOCKED, Kind.TEMPLATE) or status == httpx.codes.UNAUTHORIZED:
        return Blocked(words, code)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unclear(words, code)  # it has read the request; who knows how far it came
    return Refused(words, code)


def _retry_after(error: WhatsAppError) -> float | None:
    header = error.raw_response.headers.get("Retry-After", "") if error.raw_response is not None else ""
    return float(header) if header.isdecimal() else None

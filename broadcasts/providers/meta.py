"""Meta's WhatsApp Cloud API."""

from __future__ import annotations

from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import httpx
from pywa.client import WhatsApp
from pywa.types.others import BusinessPhoneNumber

from ..messages import Message
from . import Accepted
from .meta_answers import call_translating_errors, parse_accepted

# https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
PHONE_NUMBER_FIELDS = (
    "id",
    "display_phone_number",
    "quality_rating",
    "whatsapp_business_manager_messaging_limit",
    "health_status",
)


class CachingSession(httpx.Client):
    """Parses each address once: every message goes to the same one, and httpx would build it again each time."""

    @lru_cache(maxsize=16)  # noqa: B019  it lives as long as the run
    def _absolute_url(self, path: str) -> httpx.URL:
        return httpx.URL(f"{str(self.base_url).rstrip('/')}/{path.lstrip('/')}")

    def request(self, method: str, url: httpx.URL | str, **arguments: Any) -> httpx.Response:
        return super().request(method, self._absolute_url(url) if isinstance(url, str) else url, **arguments)


class MetaCloud:
    """Uses one session, whose connections stay open between messages."""

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
        self._session = CachingSession(timeout=httpx.Timeout(answer_seconds, connect=connect_seconds))
        self._whatsapp = WhatsApp(phone_id=phone_number_id, token=token, session=self._session)
        # pywa has set the session's base URL to Meta's own; its path is the version of the API.
        self._session.base_url = httpx.URL(url.rstrip("/") + self._session.base_url.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def send(self, message: Message) -> Accepted:
        """Raises a `ProviderError`."""
        return call_translating_errors(lambda: parse_accepted(self._post_message(message), message.to))

    def check(self) -> None:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status/"""
        call_translating_errors(lambda: self._whatsapp.api.get_business_phone_number(self._phone_number_id, ("id",)))

    def fetch_phone_number(self) -> BusinessPhoneNumber:
        """The standing of the account's number. Raises a `ProviderError`."""
        return call_translating_errors(self._fetch_phone_number)

    def _fetch_phone_number(self) -> BusinessPhoneNumber:
        answer = self._whatsapp.api.get_business_phone_number(self._phone_number_id, PHONE_NUMBER_FIELDS)
        number: BusinessPhoneNumber = BusinessPhoneNumber.from_dict(answer)
        return number

    def _post_message(self, message: Message) -> dict[str, Any]:
        """Returns the raw answer: pywa's own types lack the status `paused`, and the `message_status` of a text.

        https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
        """
        text = {"preview_url": True, "body": message.text}
        template = {
            "name": message.template,
            "language": {"code": message.language},
            "components": build_components(message.parameters),
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


def build_components(parameters: tuple[tuple[str, str], ...]) -> list[Any]:
    """The template's body; parameters are sent with their names unless they are numbered."""
    if not parameters:
        return []
    values = [
        {"type": "text", "text": value, **({} if name.isdecimal() else {"parameter_name": name})}
        for name, value in parameters
    ]
    return [{"type": "body", "parameters": values}]

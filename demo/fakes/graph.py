"""A server on the loopback that speaks the Graph API's wire format, and records every message that it receives.

Messages, their answers and their errors, as Meta documents them:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
A GET of the phone number's id returns `phone_number`:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
What Meta sends later is in `webhooks`.

In a thread of the caller's process (`serve_graph()`), or as a process of its own: `python -m demo.fakes.graph PORT`.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

HOST: Final = "127.0.0.1"
RECEIVED = "/received"  # GET: the messages that the server received, as JSON
SLOW = "/slow"  # POST {"seconds": n}: how long each answer takes from now on


@dataclass(frozen=True)
class Answer:
    """How one request is answered: `status` and `body`, after `seconds`."""

    status: int = 200
    body: bytes | None = None  # None: a message's id
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    reset: str = ""  # "before" the body was read, or "after": the connection is reset instead of an answer
    message_status: str = "accepted"  # of a message whose id is answered
    wa_id: str = ""  # of its recipient, where it isn't the number that was written to


SENT: Final = Answer()
RESET_BEFORE: Final = Answer(reset="before")
RESET_AFTER: Final = Answer(reset="after")
# Template pacing: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pacing
HELD: Final = Answer(message_status="held_for_quality_assessment")
PAUSED: Final = Answer(message_status="paused")


def error(status: int, code: int, message: str, details: str = "", **headers: str) -> Answer:
    """One of Meta's errors."""
    content = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
    }
    return Answer(status, json.dumps({"error": content}).encode(), headers)


BAD_GATEWAY: Final = Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
THROUGHPUT: Final = error(429, 130429, "Rate limit hit", "Too many messages sent from this phone number")
PAIR_RATE: Final = error(400, 131056, "Pair rate limit hit", "Too many messages to the same recipient")
UNDELIVERABLE: Final = error(400, 131026, "Message undeliverable", "Message Undeliverable.")
REVOKED: Final = error(401, 190, "Invalid OAuth access token")
LOCKED: Final = error(403, 131031, "Business Account locked", "The account has been locked")
NO_NUMBER: Final = Answer(
    400,
    b'{"error": {"message": "(#100) Unsupported post request. Object with ID \'1\' does not exist",'
    b' "type": "GraphMethodException", "code": 100, "error_subcode": 33}}',
)
OUT_OF_ORDER: Final = error(500, 131000, "Something went wrong", "Message failed to send")
# One recipient
WINDOW_SHUT: Final = error(400, 131047, "Re-engagement message", "More than 24 hours have passed")
TOO_MUCH_MARKETING: Final = error(400, 131049, "Not delivered to maintain healthy ecosystem engagement")
STOPPED_MARKETING: Final = error(400, 131050, "User has stopped marketing messages", "They have stopped them")
IN_EXPERIMENT: Final = error(400, 130472, "User's number is part of an experiment")
TEXT_TOO_LONG: Final = error(400, 132005, "Template hydrated text too long", "The text is too long")
# A template
PARAMETER_COUNT: Final = error(400, 132000, "Number of parameters does not match the expected number of params")
NO_TEMPLATE: Final = error(404, 132001, "Template name does not exist in the translation", "sale does not exist in he")
POLICY_VIOLATED: Final = error(400, 132007, "Template format character policy violated")
PARAMETER_FORMAT: Final = error(400, 132012, "Parameter format does not match format in the created template")
TEMPLATE_PAUSED: Final = error(400, 132015, "Template is paused", "Template is paused due to low quality")
TEMPLATE_DISABLED: Final = error(400, 132016, "Template is disabled", "Paused too many times due to low quality")
FLOW_BLOCKED: Final = error(400, 132068, "Flow is blocked", "Flow is in blocked state")
FLOW_THROTTLED: Final = error(400, 132069, "Flow is throttled", "10 messages using this flow were already sent")


@dataclass(frozen=True)
class ReceivedMessage:
    """One message that the server received to send."""

    at: float  # by the server's monotonic clock
    to: str
    tracker: str
    phone_number_id: str
    message_id: str
    body: dict[str, Any] = field(repr=False, default_factory=dict)


class GraphServer:
    """`answers[number]` are given one after the other to the messages for that number, then `otherwise`."""

    def __init__(self, *, keep_bodies: bool = True) -> None:
        self.received: list[ReceivedMessage] = []
        self.answers: dict[str, list[Answer]] = {}
        self.otherwise = SENT
        self.phone_number: Answer = phone_number()
        self.port = 0
        self.resets = 0.0  # the share of messages that are read, and whose connection is reset instead of an answer
        self._keep_bodies = keep_bodies

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def numbers(self) -> Counter[str]:
        """How many messages the server received for each number."""
        return Counter(message.to for message in self.received)

    async def serve(self, port: int = 0, ready: Any = None) -> None:
        server = await asyncio.start_server(self._serve_connection, HOST, port, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        if ready:
            ready()
        async with server:
            await server.serve_forever()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve_request(reader, writer):
                    pass
        finally:
            writer.close()  # also when the server ends first

    async def _serve_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False when the connection has ended."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        method, path, _version = request.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
        if self.otherwise.reset == "before":
            return _reset(writer)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        answer, message = self._choose_answer(method, path, body)
        if answer.seconds:
            await asyncio.sleep(answer.seconds)
        if answer.reset:
            return _reset(writer)
        content = answer.body if answer.body is not None else _accepted(message, answer)
        writer.write(_response(answer, content))
        await writer.drain()
        return True

    def _choose_answer(self, method: str, path: str, body: bytes) -> tuple[Answer, ReceivedMessage | None]:
        if method == "GET" and path == RECEIVED:
            received = [(message.at, message.to, message.tracker) for message in self.received]
            return Answer(body=json.dumps(received).encode()), None
        if method == "GET":
            is_away = self.otherwise.reset or self.otherwise.status >= 500
            return self.otherwise if is_away else self.phone_number, None
        content = json.loads(body or b"{}")
        if path == SLOW:
            self.otherwise, self.resets = Answer(seconds=content["seconds"]), content.get("resets", 0)
            return Answer(body=b"{}"), None
        number = str(content.get("to", "")).lstrip("+")
        answers = self.answers.get(number) or [self.otherwise]
        answer = answers.pop(0) if len(answers) > 1 or number in self.answers else answers[0]
        if answer.reset == "before":
            return answer, None
        message = ReceivedMessage(
            time.monotonic(),
            number,
            str(content.get("biz_opaque_callback_data", "")),
            path.strip("/").split("/")[-2],
            f"wamid.{len(self.received) + 1}",
            content if self._keep_bodies else {},
        )
        self.received.append(message)
        if random.random() < self.resets:  # noqa: S311  not for security
            answer = replace(answer, reset="after")
        return answer, message


def phone_number(quality: str = "GREEN", tier: str = "TIER_250", **fields: Any) -> Answer:
    """Meta's answer about an account's number."""
    content = {
        "id": "106540352242922",
        "display_phone_number": "+1 555-645-9128",
        "quality_rating": quality,
        "whatsapp_business_manager_messaging_limit": tier,
        "health_status": {
            "can_send_message": "AVAILABLE",
            "entities": [
                {"entity_type": "PHONE_NUMBER", "id": "106540352242922", "can_send_message": "AVAILABLE"},
                {"entity_type": "WABA", "id": "102290129340398", "can_send_message": "AVAILABLE"},
            ],
        },
    }
    return Answer(body=json.dumps({**content, **fields}).encode())


def _accepted(message: ReceivedMessage | None, answer: Answer) -> bytes:
    to, message_id = (message.to, message.message_id) if message else ("", "")
    return json.dumps(
        {
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": answer.wa_id or to}],
            "messages": [{"id": message_id, "message_status": answer.message_status}],
        }
    ).encode()


def _response(answer: Answer, content: bytes) -> bytes:
    headers = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Answer\r\n{lines}\r\n".encode() + content


def _reset(writer: asyncio.StreamWriter) -> bool:
    """End the connection by a reset."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


@contextmanager
def serve_graph(server: GraphServer | None = None) -> Iterator[GraphServer]:
    """A server in a thread of this process."""
    serving, ready = server or GraphServer(), threading.Event()
    ends: list[Callable[[], object]] = []

    async def main() -> None:
        task = asyncio.ensure_future(serving.serve(ready=ready.set))
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(task.cancel))
        with suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="graph", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield serving
    finally:
        ends[0]()
        thread.join(10)


def main() -> None:
    server = GraphServer(keep_bodies=False)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with suppress(KeyboardInterrupt):
        asyncio.run(server.serve(port, lambda: print(server.url, flush=True)))


if __name__ == "__main__":
    main()

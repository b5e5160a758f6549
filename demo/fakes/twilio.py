"""A server on the loopback that speaks Twilio's wire format: pages, basic auth, media with ranges, and faults."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

SID: Final = "AC" + "0" * 32
TOKEN: Final = "token-of-the-demo"  # noqa: S105  opens nothing
CHUNK: Final = 64 * 1024


@dataclass
class ServedCall:
    """A recording with its call. `mishaps` are taken one a request, the first first; then all goes well.

    A mishap is a status with headers, `("reset", bytes sent before)`, `("stall", bytes sent before)` or
    `("moved", URL)`.
    """

    sid: str
    content: bytes
    started_at: datetime
    seconds: int
    number: str = "+972501234567"
    inbound: bool = True
    status: str = "completed"
    etag: str | None = None  # None: made from the content; empty: none is sent
    mishaps: list[tuple[Any, Any]] = field(default_factory=list)
    repeated: int | None = None  # so many times `content`, without holding it in memory
    channels: int = 1  # as it was recorded
    mixed: bytes | None = None  # both channels in one, for clients that request one

    def mix(self) -> ServedCall:
        """The call as served to clients that request one channel."""
        return self if self.mixed is None else replace(self, content=self.mixed, channels=1)

    @property
    def size(self) -> int:
        return len(self.content) * (self.repeated or 1)

    @property
    def call_sid(self) -> str:
        return "CA" + self.sid[2:]

    @property
    def tag(self) -> str:
        if self.etag is not None:
            return self.etag
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'

    def bytes_from(self, start: int) -> Iterator[bytes]:
        """The content from this position on, in pieces."""
        if not self.content:
            return
        whole, inside = divmod(start, len(self.content))
        for number in range(whole, self.repeated or 1):
            piece = memoryview(self.content)[inside if number == whole else 0 :]
            for at in range(0, len(piece), CHUNK):
                yield bytes(piece[at : at + CHUNK])


@dataclass
class TwilioServer:
    url: str
    calls: list[ServedCall]
    page_size: int
    token: str = TOKEN
    listing_mishaps: list[tuple[Any, Any]] = field(default_factory=list)  # of pages of the list: status, headers
    call_mishaps: list[tuple[Any, Any]] = field(default_factory=list)  # the same, of calls
    fetched: Counter[str] = field(default_factory=Counter)  # requests for each recording
    refused: Counter[str] = field(default_factory=Counter)  # requests for two channels of what has one
    sent: Counter[str] = field(default_factory=Counter)  # bytes of each recording
    seen_auth: list[tuple[str, bool]] = field(default_factory=list)  # path, with credentials?
    released: threading.Event = field(default_factory=threading.Event)  # ends every stall

    def call(self, sid: str) -> ServedCall | None:
        return next((call for call in self.calls if call.sid == sid), None)


@contextmanager
def serve(calls: list[ServedCall], *, page_size: int = 50) -> Iterator[TwilioServer]:
    http = _Http(("127.0.0.1", 0), _Handler)
    server = TwilioServer(f"http://127.0.0.1:{http.server_port}", calls, page_size)
    http.served = server
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    served: TwilioServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are expected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        served, path = self.server.served, urlsplit(self.path).path
        served.seen_auth.append((path, "Authorization" in self.headers))
        if path.startswith("/signed/"):  # like the host of stored media, which needs no credentials
            self._media(path.removeprefix("/signed/"))
        elif not self._is_signed_in():
            self._answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        else:
            self._route(path)

    def _is_signed_in(self) -> bool:
        expected = base64.b64encode(f"{SID}:{self.server.served.token}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _route(self, path: str) -> None:
        root = f"/2010-04-01/Accounts/{SID}"
        routes: list[tuple[str, Callable[..., None]]] = [
            (rf"{root}/Recordings\.json", self._page),
            (rf"{root}/Recordings/(\w+)\.wav", self._media),
            (rf"{root}/Calls/(\w+)\.json", self._call),
        ]
        for pattern, answer in routes:
            if match := re.fullmatch(pattern, path):
                answer(*match.groups())
                return
        self._not_found()

    def _not_found(self) -> None:
        self._answer(404, {"code": 20404, "message": f"{self.path} was not found", "status": 404})

    def _page(self) -> None:
        served = self.server.served
        if served.listing_mishaps:
            status, headers = served.listing_mishaps.pop(0)
            return self._answer(status, {"status": status}, headers)
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        number, size = int(query.get("Page", 0)), min(served.page_size, int(query.get("PageSize", 50)))
        calls = [call for call in served.calls if _is_dated(call, query)]
        page = calls[number * size : (number + 1) * size]
        more = len(calls) > (number + 1) * size
        onward = urlencode({**query, "Page": number + 1, "PageSize": size})
        address = f"/2010-04-01/Accounts/{SID}/Recordings.json"
        return self._answer(
            200,
            {
                "first_page_uri": f"{address}?Page=0",
                "end": number * size + len(page) - 1,
                "next_page_uri": f"{address}?{onward}" if more else None,
                "page": number,
                "page_size": size,
                "previous_page_uri": None,
                "start": number * size,
                "uri": self.path,
                "recordings": [_recording_json(call) for call in page],
            },
        )

    def _call(self, sid: str) -> None:
        served = self.server.served
        if served.call_mishaps:
            status, headers = served.call_mishaps.pop(0)
            return self._answer(status, {"status": status}, headers)
        for call in served.calls:
            if call.call_sid == sid:
                here = "+97239999999"
                return self._answer(
                    200,
                    {
                        "sid": sid,
                        "account_sid": SID,
                        "direction": "inbound" if call.inbound else "outbound-api",
                        "from": call.number if call.inbound else here,
                        "to": here if call.inbound else call.number,
                    },
                )
        return self._not_found()

    def _media(self, sid: str) -> None:
        served = self.server.served
        call = served.call(sid)
        if call is None:
            return self._not_found()
        wanted = parse_qs(urlsplit(self.path).query).get("RequestedChannels", [""])[0]
        if wanted == "2" and call.channels == 1:
            message = "Cannot download a dual-channel presentation of a mono recording"
            served.refused[sid] += 1
            return self._answer(400, {"code": 16113, "message": message, "status": 400})
        served.fetched[sid] += 1
        kind, value = call.mishaps.pop(0) if call.mishaps else ("", None)
        if kind == "moved":
            return self._answer(302, {}, {"Location": str(value)})
        if isinstance(kind, int):
            return self._answer(kind, {"status": kind}, value)
        self._stream(call if wanted == "2" else call.mix(), kind, value)
        return None

    def _stream(self, call: ServedCall, mishap: str, after: int | None) -> None:
        start = self._range_start(call)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{call.size - 1}/{call.size}")
        self.send_header("Content-Type", "audio/x-wav")
        self.send_header("Content-Length", str(call.size - start))
        self.send_header("Accept-Ranges", "bytes")
        if call.tag:
            self.send_header("ETag", call.tag)
        self.end_headers()
        left = call.size if after is None else after
        for piece in call.bytes_from(start):
            self.wfile.write(piece[:left])
            self.server.served.sent[call.sid] += len(piece[:left])
            left -= len(piece[:left])
            if left <= 0 and after is not None:
                break
        self.wfile.flush()
        if mishap == "stall":
            self.server.served.released.wait(60)
        if mishap:
            self._reset()

    def _range_start(self, call: ServedCall) -> int:
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range", call.tag) == call.tag
        return int(requested[1]) if requested and unchanged else 0

    def _reset(self) -> None:
        """End the connection by a reset, as when a machine dies."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's own name
        """Log nothing: the tests cause the errors."""


def _is_dated(call: ServedCall, query: dict[str, str]) -> bool:
    after, before = query.get("DateCreated>"), query.get("DateCreated<")
    moment = call.started_at
    return (not after or moment >= datetime.fromisoformat(after)) and (
        not before or moment <= datetime.fromisoformat(before)
    )


def _recording_json(call: ServedCall) -> dict[str, Any]:
    moment = format_datetime(call.started_at)
    return {
        "account_sid": SID,
        "api_version": "2010-04-01",
        "call_sid": call.call_sid,
        "conference_sid": None,
        "channels": call.channels,
        "date_created": moment,
        "date_updated": moment,
        "start_time": moment,
        "price": "-0.00250",
        "price_unit": "USD",
        "duration": str(call.seconds),
        "sid": call.sid,
        "source": "RecordVerb",
        "status": call.status,
        "error_code": None,
        "uri": f"/2010-04-01/Accounts/{SID}/Recordings/{call.sid}.json",
        "encryption_details": None,
        "subresource_uris": {},
        "media_url": f"/2010-04-01/Accounts/{SID}/Recordings/{call.sid}",
    }

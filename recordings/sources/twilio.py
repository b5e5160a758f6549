"""Twilio: calls listed by its SDK, recordings streamed from its hosts.

Each side of a call has a channel of its own where Twilio has recorded both: the first holds the parent call, which is
the one that `call_sid` names, so the number at the other end is always on it
(https://www.twilio.com/docs/voice/api/recording). Many accounts have their recordings so though nobody asked for it,
but serve them mixed unless `RequestedChannels=2` is said. A recording that was made in one channel is then refused
with 400 and the code 16113, and is to be fetched without it (https://www.twilio.com/docs/api/errors/16113).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx
from django.conf import settings
from django.utils.translation import gettext as _
from twilio.base.exceptions import TwilioException
from twilio.base.values import unset
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.recording import RecordingInstance

from runs.exceptions import ItemFailed, RunRejected
from runs.text import clean

from . import BadRequest, Direction, Listed, Media, Period, SourceAway, TwilioAccount, Wait
from .http_client import Door
from .retries import persist

CHUNK: Final = 64 * 1024
IN_TWO_CHANNELS: Final = {"RequestedChannels": "2"}
A_PAGE: Final = 1000  # the most that Twilio gives at once
CALLS_REMEMBERED: Final = 10_000
# A recording is dated by when it began; the list is searched by when its row was made, a little apart.
MARGIN: Final = timedelta(days=1)


class Twilio:
    def __init__(self, account: TwilioAccount, *, wait: Wait) -> None:
        if not account.sid or not account.token:
            raise RunRejected(_("The Twilio account lacks its SID or auth token."))
        self._account = account
        base = settings.TWILIO_API_URL
        self._door = Door(base, settings.TWILIO_MEDIA_HOSTS, (account.sid, account.token))
        self._client = Client(account.sid, account.token, http_client=_ByDoor(self._door, wait))
        self._client.api.base_url = base
        self._calls: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.__exit__(kind, error, trace)

    def calls(self, period: Period, direction: str) -> Iterator[Listed]:
        try:
            yield from self._listed(period, direction)
        except ItemFailed as error:
            if error.code == "unreachable":
                raise SourceAway(str(error)) from error
            raise RunRejected(_("Twilio's list of recordings: %(reason)s") % {"reason": error}) from error
        except TwilioException as error:
            raise RunRejected(_("Twilio's list of recordings can't be read.")) from error
        except ValueError as error:  # no JSON: somebody else has answered
            raise SourceAway(_("Twilio's list of recordings can't be read.")) from error

    def _listed(self, period: Period, direction: str) -> Iterator[Listed]:
        recordings = self._client.recordings.stream(
            date_created_after=period.since - MARGIN if period.since else unset,
            date_created_before=period.until + MARGIN if period.until else unset,
            page_size=A_PAGE,
        )
        for recording in recordings:
            if recording.status != RecordingInstance.Status.COMPLETED:
                continue  # still being recorded, or deleted: another run will find it, or nobody
            moment = recording.start_time or recording.date_created
            if moment is None or moment not in period:
                continue
            way, number = self._call(recording.call_sid or "")
            if not direction or way == direction:
                yield Listed(
                    call_id=clean(recording.sid, 200),
                    location=f"/2010-04-01/Accounts/{self._account.sid}/Recordings/{recording.sid}.wav",
                    direction=way,
                    number=number,
                    started_at=moment,
                    duration=_seconds(recording.duration),
                )

    def _call(self, sid: str) -> tuple[str, str]:
        """The direction, and the number at the other end: a recording doesn't say, its call does."""
        if not sid:
            return "", ""
        if sid not in self._calls:
            if len(self._calls) >= CALLS_REMEMBERED:
                self._calls.clear()
            self._calls[sid] = self._credentials_for(sid)
        return self._calls[sid]

    def _credentials_for(self, sid: str) -> tuple[str, str]:
        try:
            call = self._client.calls(sid).fetch()
        except (ItemFailed, TwilioException):  # deleted, though its recording is there
            return "", ""
        if call.direction == "inbound":
            return Direction.INBOUND, clean(call._from or "", 64)
        return Direction.OUTBOUND, clean(call.to or "", 64)

    def examine(self, listed: Listed) -> Listed:
        return listed  # the list has told all there is

    @contextmanager
    def open(self, location: str, *, start: int = 0, etag: str = "") -> Iterator[Media]:
        # Compressed, the bytes would be counted and resumed in another measure than the file's.
        headers = {"Accept-Encoding": "identity"}
        if start and etag:
            headers |= {"Range": f"bytes={start}-", "If-Range": etag}
        url = settings.TWILIO_API_URL.rstrip("/") + location
        with ExitStack() as opened:
            try:
                response = opened.enter_context(self._door.opened(url, params=IN_TWO_CHANNELS, headers=headers))
            except BadRequest:
                response = opened.enter_context(self._door.opened(url, headers=headers))
            begins, total = _extent(response)
            yield Media(response.iter_raw(CHUNK), begins, total, _strong(response.headers.get("ETag", "")))


class _ByDoor(HttpClient):  # type: ignore[misc]  # the SDK ships no types
    """The SDK's requests, through the same door as the recordings."""

    def __init__(self, door: Door, wait: Wait) -> None:
        self._door = door
        self._wait = wait

    def request(
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: Any = None,
        allow_redirects: bool = False,
    ) -> Response:
        def request_once() -> Response:
            with self._door.opened(uri, params=params, headers=headers) as response:
                response.read()
                return Response(response.status_code, response.text, response.headers)

        return persist(request_once, wait=self._wait)


def _seconds(said: object) -> float | None:
    text = str(said or "")
    seconds = float(text[:9]) if text.isascii() and text.isdigit() else None
    # The bar goes by it until the recording is here.
    return seconds if seconds is not None and seconds <= settings.RECORDINGS_MAX_SECONDS else None


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Where the body begins, and the size of the whole."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        span, _slash, whole = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        begins = span.partition("-")[0]
        if begins.isdigit() and whole.isdigit():
            return int(begins), int(whole)
        raise ItemFailed(_("The provider's answer makes no sense."), code="broken_answer")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _strong(etag: str) -> str:
    return "" if etag.startswith("W/") else etag

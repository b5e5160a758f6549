"""Twilio: calls are listed by its SDK, recordings downloaded from its hosts.

Where Twilio has recorded both sides of a call, each has a channel of its own: the first one has the parent call, which
is the one that `call_sid` names, so the other party's number is always on it
(https://www.twilio.com/docs/voice/api/recording). Many accounts have such recordings without having asked for them, but
Twilio mixes the channels of a download unless it says `RequestedChannels=2`. For a recording with one channel Twilio
refuses that with status 400 and code 16113; it must be downloaded without
(https://www.twilio.com/docs/api/errors/16113).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import httpx
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from twilio.base.exceptions import TwilioException
from twilio.base.values import unset
from twilio.rest import Client
from twilio.rest.api.v2010.account.recording import RecordingInstance

from runs.exceptions import ItemFailed, RunRejected
from runs.text import clean

from ..stored_messages import TWILIO_LIST
from . import BadRequest, Beat, Direction, ListedCall, Media, Period, SourceAway, TwilioAccount, Wait
from .http_client import RestrictedHttpClient
from .twilio_sdk import SdkHttpClient

CHUNK_BYTES: Final = 64 * 1024
BOTH_CHANNELS: Final = {"RequestedChannels": "2"}
PAGE_SIZE: Final = 1000  # Twilio's maximum
MAX_CACHED_CALLS: Final = 10_000
# A recording's date is its start; the list is filtered by when Twilio created the resource, somewhat later.
CREATION_MARGIN: Final = timedelta(days=1)


class TwilioSource:
    def __init__(self, account: TwilioAccount, *, wait: Wait, beat: Beat) -> None:
        if not account.sid or not account.token:
            raise RunRejected(_("The Twilio account lacks its SID or auth token."))
        self._account = account
        self._beat = beat
        base = settings.TWILIO_API_URL
        self._http = RestrictedHttpClient(base, settings.TWILIO_MEDIA_HOSTS, (account.sid, account.token))
        self._sdk = Client(account.sid, account.token, http_client=SdkHttpClient(self._http, wait))
        self._sdk.api.base_url = base
        self._parties: dict[str, tuple[str, str]] = {}  # direction and number by call SID

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.__exit__(kind, error, trace)

    def check(self) -> None:
        """Raises `RunRejected`, `SourceAway`."""
        next(self.list_calls(Period(since=timezone.now()), ""), None)  # a short list

    def list_calls(self, period: Period, direction: str) -> Iterator[ListedCall]:
        try:
            yield from self._list_recordings(period, direction)
        except ItemFailed as error:
            if error.code == "unreachable":
                raise SourceAway(str(error)) from error
            raise RunRejected(TWILIO_LIST % {"reason": error}) from error
        except TwilioException as error:
            raise RunRejected(_("Twilio's list of recordings can't be read.")) from error
        except ValueError as error:  # no JSON: another server has answered
            raise SourceAway(_("Twilio's list of recordings can't be read.")) from error

    def _list_recordings(self, period: Period, direction: str) -> Iterator[ListedCall]:
        recordings = self._sdk.recordings.stream(
            date_created_after=period.since - CREATION_MARGIN if period.since else unset,
            date_created_before=period.until + CREATION_MARGIN if period.until else unset,
            page_size=PAGE_SIZE,
        )
        for recording in recordings:
            self._beat()  # thousands in a row may be of the other direction, with a request for each
            if recording.status != RecordingInstance.Status.COMPLETED:
                continue  # still being recorded, which a later run finds, or deleted
            moment = recording.start_time or recording.date_created
            if moment is None or moment not in period:
                continue
            call_direction, number = self._find_parties(recording.call_sid or "")
            if not direction or call_direction == direction:
                yield ListedCall(
                    call_id=clean(recording.sid, 200),
                    location=f"/2010-04-01/Accounts/{self._account.sid}/Recordings/{recording.sid}.wav",
                    direction=call_direction,
                    number=number,
                    started_at=moment,
                    duration=parse_duration(recording.duration),
                )

    def _find_parties(self, sid: str) -> tuple[str, str]:
        """A call's direction and the other party's number, which the recording's own resource doesn't have."""
        if not sid:
            return "", ""
        if sid not in self._parties:
            if len(self._parties) >= MAX_CACHED_CALLS:
                self._parties.clear()
            self._parties[sid] = self._fetch_parties(sid)
        return self._parties[sid]

    def _fetch_parties(self, sid: str) -> tuple[str, str]:
        try:
            call = self._sdk.calls(sid).fetch()
        except ItemFailed as error:
            if error.code != "gone":
                raise
            return "", ""  # the call was deleted, its recording was not
        if call.direction == "inbound":
            return Direction.INBOUND, clean(call._from or "", 64)
        return Direction.OUTBOUND, clean(call.to or "", 64)

    def examine_recording(self, listed: ListedCall) -> ListedCall:
        return listed  # Twilio's list has everything already

    @contextmanager
    def open_recording(self, location: str, *, start: int = 0, etag: str = "") -> Iterator[Media]:
        # Positions in a compressed body couldn't be resumed from.
        headers = {"Accept-Encoding": "identity"}
        if start and etag:
            headers |= {"Range": f"bytes={start}-", "If-Range": etag}
        url = settings.TWILIO_API_URL.rstrip("/") + location
        with ExitStack() as stack:
            try:
                response = stack.enter_context(self._http.stream_get(url, params=BOTH_CHANNELS, headers=headers))
            except BadRequest:
                response = stack.enter_context(self._http.stream_get(url, headers=headers))
            begin, total = parse_extent(response)
            etag = response.headers.get("ETag", "")
            is_weak = etag.startswith("W/")  # then equal ETags don't mean equal bytes
            yield Media(response.iter_raw(CHUNK_BYTES), begin, total, "" if is_weak else etag)


def parse_duration(value: object) -> float | None:
    """Seconds; None if the value can't be true, because progress bars depend on it until the recording is fetched."""
    text = str(value or "")
    seconds = float(text[:9]) if text.isascii() and text.isdigit() else None
    return seconds if seconds is not None and seconds <= settings.RECORDINGS_MAX_SECONDS else None


def parse_extent(response: httpx.Response) -> tuple[int, int | None]:
    """The byte at which the body begins, and the size of the whole recording."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        span, _slash, whole = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        begin = span.partition("-")[0]
        if begin.isdigit() and whole.isdigit():
            return int(begin), int(whole)
        raise ItemFailed(_("The provider's answer makes no sense."), code="broken_answer")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None

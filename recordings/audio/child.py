"""The process that opens recordings for `recordings.audio.reader`. Run as `python -m recordings.audio.child`.

It imports no Django, so that it starts fast and stays small. A request is JSON: {"do": "length", …} or
{"do": "read", …}. An answer is a line of JSON, {"error": code} among others, and the sound after it, if any was asked
for: 16-bit samples of one channel at `RATE`. Two channels are never mixed, because what stands in both with opposite
signs would cancel out. Any other number of them is.

One recording is open at a time, and each "read" goes on where the last left off, so that a request stays short
however long the recording is. What is open is lost with the process: whoever asks must look at `start`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import av

from recordings.audio.channel_comparison import ChannelComparison
from recordings.audio.container import TOLERANCE, SoundError, is_cut_short, open_container, type_of
from recordings.regular_files import open_regular
from runs.children.server import serve

RATE = 16_000  # samples a second, as the model hears


class OpenSound:
    """A recording being decoded, from its beginning to its end."""

    def __init__(self, path: str, raw: str, channel: int) -> None:
        self.named = (path, raw, channel)
        self.start = 0  # samples that were read before
        self.seconds = 0.0  # decoded so far
        self.reached = 0.0  # the time stamp up to which something could be decoded, in seconds
        self.bytes = {True: 0, False: 0}  # that could be decoded, and that could not
        self.last_packet: tuple[bytes, bool] = (b"", True)  # and whether it was whole
        self.broke_off = False  # with an error, and not at its end
        self.has_gap = False  # between the time stamps
        self._file = open_regular(path)
        try:
            self._container = open_container(self._file, raw)
        except BaseException:
            self._file.close()
            raise
        self._stream = self._container.streams.audio[0]
        self._frames = self._decoded()
        self._is_stereo = self._stream.codec_context.channels == 2
        self._plane = channel if self._is_stereo else 0
        self._resampler = self._new_resampler()
        self._comparison = ChannelComparison()

    def read(self, seconds: float, *, with_sound: bool) -> tuple[dict[str, Any], bytes]:
        """About so many more seconds."""
        until, start, ended = self.seconds + seconds, self.start, False
        sound: list[bytes] = []
        while self.seconds < until:
            frame = next(self._frames, None)
            if frame is None:
                ended = True
                break
            self.seconds += frame.samples / frame.sample_rate
            if with_sound:
                sound += self._resampled(frame)
            elif self._is_stereo:
                self._comparison.add(frame)
        if ended and with_sound:
            sound += self._bytes_of(self._resampler.resample(None))
        body = b"".join(sound)
        self.start += len(body) // 2
        return {"start": start, "at": self.seconds, **(self._verdict() if ended else {})}, body

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _verdict(self) -> dict[str, Any]:
        """What is known of the recording at its end."""
        if not self.seconds:
            return {"ended": True, "problem": "empty" if self.last_packet[1] else "damaged"}
        cut = self.broke_off or is_cut_short(
            self._file, self._container, reached=max(self.reached, self.seconds), last_packet=self.last_packet
        )
        return {
            "ended": True,
            "problem": "truncated" if cut else "",
            "content_type": type_of(self._container, self.named[1]),
            "channels": 2 if self._is_stereo and self._comparison.are_apart else 1,
            # Of what makes no sense nobody knows the length but by its size.
            "is_partial": self._misses_pages or self.bytes[False] * self.seconds > TOLERANCE * self.bytes[True],
        }

    @property
    def _misses_pages(self) -> bool:
        """FFmpeg passes over a page of Ogg whose checksum is wrong. In other formats a gap may be silence."""
        return self.has_gap and self._container.format.name == "ogg"

    def _decoded(self) -> Iterator[Any]:
        """Frames; bytes that make no sense between them are passed over."""
        first = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        for packet in self._packets():
            try:
                frames = packet.decode()
                is_whole = not packet.is_corrupt
            except av.error.InvalidDataError:
                frames, is_whole = [], False
            except av.error.EOFError:
                return
            if packet.size:
                self.last_packet = (bytes(packet), is_whole)
                self.bytes[is_whole] += packet.size
            if packet.size and is_whole and packet.pts is not None:
                start = float(packet.pts * packet.time_base) - first
                self.has_gap |= start > self.reached + TOLERANCE
                end = start + float((packet.duration or 0) * packet.time_base)
                self.reached = max(self.reached, end)
            for frame in frames:
                frame.pts = None  # gaps in the time stamps are none in the sound
                yield frame

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            self.broke_off = True

    def _resampled(self, frame: Any) -> list[bytes]:
        try:
            return self._bytes_of(self._resampler.resample(frame))
        except ValueError:  # the recording changes its rate or its channels on the way
            rest = self._bytes_of(self._resampler.resample(None))
            self._resampler = self._new_resampler()
            return rest + self._bytes_of(self._resampler.resample(frame))

    def _new_resampler(self) -> Any:
        return av.AudioResampler(format="s16p", layout="stereo" if self._is_stereo else "mono", rate=RATE)

    def _bytes_of(self, frames: list[Any]) -> list[bytes]:
        return [bytes(frame.planes[self._plane])[: 2 * frame.samples] for frame in frames]


class Answerer:
    def __init__(self) -> None:
        self._open: OpenSound | None = None

    def answer(self, request: bytes) -> bytes:
        asked = json.loads(request)
        try:
            told, body = self._length(asked) if asked["do"] == "length" else self._read(asked)
        except SoundError as error:
            told, body = {"error": error.code}, b""
        except OSError as error:
            told, body = {"error": "damaged" if isinstance(error, av.FFmpegError) else "unreadable"}, b""
        except Exception:
            # A broken recording may raise anything at all out of its decoder.
            told, body = {"error": "damaged"}, b""
        return json.dumps(told).encode() + b"\n" + body

    def _length(self, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """As far as the head tells; whether the rest is there is for later."""
        with open_regular(asked["path"]) as file, open_container(file, asked["raw"]) as container:
            stream = container.streams.audio[0]
            if stream.duration:
                return {"seconds": float(stream.duration * stream.time_base)}, b""
            return {"seconds": container.duration / av.time_base if container.duration else None}, b""

    def _read(self, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        named = (asked["path"], asked["raw"], asked["channel"])
        if self._open and (asked["anew"] or self._open.named != named):
            self._close()
        if self._open is None:
            self._open = OpenSound(*named)
        try:
            told, body = self._open.read(asked["seconds"], with_sound=asked["with_sound"])
        except BaseException:
            self._close()
            raise
        if told.get("ended"):
            self._close()
        return told, body

    def _close(self) -> None:
        sound, self._open = self._open, None
        if sound:
            with suppress(Exception):
                sound.close()


if __name__ == "__main__":
    av.logging.set_level(None)
    serve(Answerer().answer)

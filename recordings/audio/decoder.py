"""Decodes one recording part by part and finds out on the way what is wrong with it. For the child: no Django here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

from recordings.audio.channel_comparison import ChannelComparison
from recordings.audio.completeness import TOLERANCE_SECONDS, is_truncated
from recordings.audio.container import content_type_of, open_container
from recordings.audio.resampler import ChannelResampler
from recordings.regular_files import open_regular


class RecordingDecoder:
    """A recording that is decoded from its beginning to its end."""

    def __init__(self, path: str, raw_type: str, channel: int) -> None:
        self.recording = (path, raw_type, channel)
        self.samples_before = 0  # in the parts that were decoded earlier
        self.seconds = 0.0  # decoded so far
        self.last_timestamp = 0.0  # the end of the latest packet that could be decoded, in seconds
        self.decoded_bytes = 0
        self.undecodable_bytes = 0
        self.last_packet: tuple[bytes, bool] = (b"", True)  # and whether it is complete
        self.has_aborted = False  # with an error before its end
        self.has_gap = False  # between the time stamps
        self._file = open_regular(path)
        try:
            self._container = open_container(self._file, raw_type)
        except BaseException:
            self._file.close()
            raise
        self._stream = self._container.streams.audio[0]
        self._frames = self._decode_frames()
        self._is_stereo = self._stream.codec_context.channels == 2
        self._resampler = ChannelResampler(is_stereo=self._is_stereo, channel=channel)
        self._comparison = ChannelComparison()

    def decode_part(self, seconds: float, *, with_samples: bool) -> tuple[dict[str, Any], bytes]:
        """Decode about so many more seconds: the response to the client, and the samples."""
        until, start, is_last = self.seconds + seconds, self.samples_before, False
        samples: list[bytes] = []
        while self.seconds < until:
            frame = next(self._frames, None)
            if frame is None:
                is_last = True
                break
            self.seconds += frame.samples / frame.sample_rate
            if with_samples:
                samples += self._resampler.convert_frame(frame)
            elif self._is_stereo:
                self._comparison.add_frame(frame)
        if is_last and with_samples:
            samples += self._resampler.flush_samples()
        body = b"".join(samples)
        self.samples_before += len(body) // 2
        return {"start": start, "decoded": self.seconds, **(self._summarize() if is_last else {})}, body

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _summarize(self) -> dict[str, Any]:
        """What is known of the recording once its end is reached."""
        if not self.seconds:
            return {"is_last": True, "problem": "empty" if self.last_packet[1] else "damaged"}
        is_cut = self.has_aborted or is_truncated(
            self._file, self._container, reached=max(self.last_timestamp, self.seconds), last_packet=self.last_packet
        )
        # FFmpeg skips a page of Ogg whose checksum is wrong. In other formats a gap may be silence.
        misses_pages = self.has_gap and self._container.format.name == "ogg"
        # Bytes that can't be decoded have no duration: it is estimated by their number.
        misses_bytes = self.undecodable_bytes * self.seconds > TOLERANCE_SECONDS * self.decoded_bytes
        return {
            "is_last": True,
            "problem": "truncated" if is_cut else "",
            "content_type": content_type_of(self._container, self.recording[1]),
            "channels": 2 if self._is_stereo and self._comparison.are_different else 1,
            "is_partial": misses_pages or misses_bytes,
        }

    def _decode_frames(self) -> Iterator[Any]:
        """Yield frames, skipping bytes between them that can't be decoded."""
        first = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        for packet in self._demux_packets():
            try:
                frames = packet.decode()
                is_complete = not packet.is_corrupt
            except av.error.InvalidDataError:
                frames, is_complete = [], False
            except av.error.EOFError:
                return
            if packet.size:
                self.last_packet = (bytes(packet), is_complete)
                if is_complete:
                    self.decoded_bytes += packet.size
                else:
                    self.undecodable_bytes += packet.size
            if packet.size and is_complete and packet.pts is not None:
                start = float(packet.pts * packet.time_base) - first
                self.has_gap |= start > self.last_timestamp + TOLERANCE_SECONDS
                self.last_timestamp = max(self.last_timestamp, start + float((packet.duration or 0) * packet.time_base))
            for frame in frames:
                frame.pts = None  # else the resampler would fill gaps between time stamps with silence
                yield frame

    def _demux_packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            self.has_aborted = True

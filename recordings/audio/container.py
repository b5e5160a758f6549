"""Opens a file of sound by its content, not by its name, with FFmpeg's libraries. For the child: no Django here."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import av

from recordings.audio.formats import CONTENT_TYPES, RAW_BY_TYPE
from recordings.audio.wav import read_wav_header

GSM_NIBBLE: Final = 0xD  # begins each frame; nothing else in a bare GSM file identifies it
GSM_IN_WAV: Final = "gsm_ms"  # browsers don't play GSM, in whatever container it is
SIGNATURES: Final = (b"RIFF", b"OggS", b"fLaC", b"ID3", b"#!AMR", b"\x1a\x45\xdf\xa3")
# No other format is tried: some of FFmpeg's are lists of addresses, which it would fetch.
ALLOWED_FORMATS: Final = ",".join(CONTENT_TYPES)


class UndecodableAudio(Exception):
    """`code` is one of `recordings.problems`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def open_container(file: BinaryIO, raw_type: str) -> Any:
    """An open container with an audio stream. `raw_type` is the content type of headerless samples, else empty.

    Raises `UndecodableAudio`.
    """
    file.seek(0)
    header = file.read(12)
    if not header:
        raise UndecodableAudio("empty")
    wav = read_wav_header(file)
    if wav and wav.data_start is None:
        raise UndecodableAudio("not_audio")  # FFmpeg would read through millions of empty chunks
    file.seek(0)
    demuxer, options = choose_demuxer(header, raw_type)
    try:
        container = av.open(file, format=demuxer, options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        # An MP4 has its index at its end, unless it was prepared for streaming: without it, the end is missing.
        raise UndecodableAudio("truncated" if header[4:8] == b"ftyp" else "not_audio") from error
    streams, name = container.streams.audio, container.format.name
    is_allowed = name in CONTENT_TYPES or (bool(raw_type) and name == RAW_BY_TYPE[raw_type].demuxer)
    if not streams or streams[0].codec_context is None or not is_allowed:
        container.close()
        raise UndecodableAudio("not_audio")
    return container


def content_type_of(container: Any, raw_type: str) -> str:
    name = container.format.name
    if name not in CONTENT_TYPES:
        return raw_type
    return CONTENT_TYPES["gsm" if container.streams.audio[0].codec_context.name == GSM_IN_WAV else name]


def choose_demuxer(header: bytes, raw_type: str) -> tuple[str | None, dict[str, str]]:
    """FFmpeg's name of the format, None to let FFmpeg detect it, and the options to open it with."""
    if raw_type and not header.startswith(SIGNATURES) and header[4:8] != b"ftyp":
        samples = RAW_BY_TYPE[raw_type]
        has_rate = samples.demuxer != "g722"
        return samples.demuxer, {"sample_rate": str(samples.rate)} if has_rate else {}
    if header[0] >> 4 == GSM_NIBBLE:
        return "gsm", {}
    return None, {"format_whitelist": ALLOWED_FORMATS}

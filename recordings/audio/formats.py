"""How HTTP calls the formats that recordings come in, which of them browsers play, and what their files are called."""

from dataclasses import dataclass
from typing import Final

# By the name that FFmpeg gives to the container. No other is opened, whatever a file turns out to be.
TYPES: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "gsm": "audio/x-gsm",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "amr": "audio/amr",
    "mov,mp4,m4a,3gp,3g2,mj2": "audio/mp4",
    "matroska,webm": "audio/webm",
}
PLAYABLE: Final = frozenset(TYPES.values()) - {"audio/x-gsm", "audio/amr"}


@dataclass(frozen=True)
class RawFormat:
    """Samples without a head: nothing but the file's ending says what they are. One channel."""

    content_type: str
    demuxer: str  # FFmpeg's
    rate: int  # samples a second
    bytes_per_second: int
    frame: int = 1  # bytes that belong together


_ULAW: Final = RawFormat("audio/basic", "mulaw", 8000, 8000)
_ALAW: Final = RawFormat("audio/x-alaw", "alaw", 8000, 8000)
_SLN: Final = {
    f".sln{suffix}": RawFormat(f"audio/x-sln; rate={rate}", "s16le", rate, 2 * rate, 2)
    for suffix, rate in {
        "": 8000, "12": 12000, "16": 16000, "24": 24000, "32": 32000, "44": 44100, "48": 48000, "96": 96000,
        "192": 192000,
    }.items()
}  # fmt: skip
# As Asterisk names them.
RAW: Final = {
    **dict.fromkeys((".ulaw", ".ul", ".mu", ".ulw"), _ULAW),
    **dict.fromkeys((".alaw", ".al", ".alw"), _ALAW),
    ".g722": RawFormat("audio/G722", "g722", 16000, 8000),
    **_SLN,
}
RAW_BY_TYPE: Final = {raw.content_type: raw for raw in reversed(RAW.values())}

READABLE: Final = frozenset(RAW) | {
    ".wav", ".wav16", ".wav49", ".mp3", ".gsm", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".3gp", ".aac", ".amr",
    ".flac", ".webm", ".weba", ".mka",
}  # fmt: skip
# Sound that isn't read. Files that end otherwise are none, and nobody misses them.
UNREADABLE: Final = frozenset({
    ".g723", ".g723sf", ".g726", ".g726-16", ".g726-24", ".g726-32", ".g726-40", ".g728", ".g729", ".siren7",
    ".siren14", ".ilbc", ".vox", ".pcm", ".raw", ".slin", ".sil", ".spx", ".speex", ".silk", ".wma", ".asf", ".aif",
    ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".bwf", ".ra", ".rm", ".dss", ".ds2", ".mp2", ".mpga",
    ".ac3", ".awb", ".ape", ".wv", ".tta", ".mov", ".avi", ".mkv", ".mpg", ".mpeg", ".wmv", ".ogv", ".h263", ".h264",
})  # fmt: skip

ENDINGS: Final = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/x-gsm": "gsm",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
    **{raw.content_type: ending[1:] for ending, raw in reversed(RAW.items())},
}

"""The formats of recordings: their content types and endings, and which of them browsers play. No Django here."""

from dataclasses import dataclass
from typing import Final

SAMPLE_RATE: Final = 16_000  # samples a second, as the speech model takes them

# By FFmpeg's name of the container. No other is opened, whatever a file contains.
CONTENT_TYPES: Final = {
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
PLAYABLE_TYPES: Final = frozenset(CONTENT_TYPES.values()) - {"audio/x-gsm", "audio/amr"}


@dataclass(frozen=True)
class RawFormat:
    """Headerless samples of one channel: only the file's ending tells how they are encoded."""

    content_type: str
    demuxer: str  # FFmpeg's
    rate: int  # samples a second
    bytes_per_second: int
    frame: int = 1  # bytes of a sample


_ULAW: Final = RawFormat("audio/basic", "mulaw", 8000, 8000)
_ALAW: Final = RawFormat("audio/x-alaw", "alaw", 8000, 8000)
_SLN: Final = {
    f".sln{suffix}": RawFormat(f"audio/x-sln; rate={rate}", "s16le", rate, 2 * rate, 2)
    for suffix, rate in {
        "": 8000, "12": 12000, "16": 16000, "24": 24000, "32": 32000, "44": 44100, "48": 48000, "96": 96000,
        "192": 192000,
    }.items()
}  # fmt: skip
# The endings that Asterisk writes.
RAW_BY_ENDING: Final = {
    **dict.fromkeys((".ulaw", ".ul", ".mu", ".ulw"), _ULAW),
    **dict.fromkeys((".alaw", ".al", ".alw"), _ALAW),
    ".g722": RawFormat("audio/G722", "g722", 16000, 8000),
    **_SLN,
}
RAW_BY_TYPE: Final = {raw.content_type: raw for raw in reversed(RAW_BY_ENDING.values())}

READABLE_ENDINGS: Final = frozenset(RAW_BY_ENDING) | {
    ".wav", ".wav16", ".wav49", ".mp3", ".gsm", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".3gp", ".aac", ".amr",
    ".flac", ".webm", ".weba", ".mka",
}  # fmt: skip
# Sound in formats that aren't read: a run warns of such files. Files with any other ending are ignored.
UNREADABLE_ENDINGS: Final = frozenset({
    ".g723", ".g723sf", ".g726", ".g726-16", ".g726-24", ".g726-32", ".g726-40", ".g728", ".g729", ".siren7",
    ".siren14", ".ilbc", ".vox", ".pcm", ".raw", ".slin", ".sil", ".spx", ".speex", ".silk", ".wma", ".asf", ".aif",
    ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".bwf", ".ra", ".rm", ".dss", ".ds2", ".mp2", ".mpga",
    ".ac3", ".awb", ".ape", ".wv", ".tta", ".mov", ".avi", ".mkv", ".mpg", ".mpeg", ".wmv", ".ogv", ".h263", ".h264",
})  # fmt: skip

ENDINGS_BY_TYPE: Final = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/x-gsm": "gsm",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
    **{raw.content_type: ending[1:] for ending, raw in reversed(RAW_BY_ENDING.items())},
}

AUDIO_ENDINGS: Final = READABLE_ENDINGS | UNREADABLE_ENDINGS


def raw_type_of_ending(ending: str) -> str:
    """The content type of headerless samples in a file with this ending; empty for any other format."""
    raw = RAW_BY_ENDING.get(ending.lower())
    return raw.content_type if raw else ""


def raw_type_or_empty(content_type: str) -> str:
    """The content type if it is that of headerless samples, else empty."""
    return content_type if content_type in RAW_BY_TYPE else ""

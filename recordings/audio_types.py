"""How HTTP calls the formats that recordings come in, and which of them browsers play."""

from typing import Final

# By the name that FFmpeg gives to the container.
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
}

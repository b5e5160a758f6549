"""The tables: where calls come from, the runs that fetch them, and the calls."""

from .call import FETCHING, LIKELY_SECONDS, Call, TranscriptState
from .call_queryset import LONG_COLUMNS, SNIPPET, CallQuerySet
from .recording import Recording, RecordingManager
from .recording_run import RecordingRun
from .source import Source

__all__ = [
    "FETCHING",
    "LIKELY_SECONDS",
    "LONG_COLUMNS",
    "SNIPPET",
    "Call",
    "CallQuerySet",
    "Recording",
    "RecordingManager",
    "RecordingRun",
    "Source",
    "TranscriptState",
]

"""The tables: where calls come from, the runs that fetch them, and the calls."""

from .call import FETCH_SHARE, Call, TranscriptState
from .call_queryset import LONG_COLUMNS, CallQuerySet
from .recording import Recording, RecordingManager
from .recording_run import RecordingRun
from .source import Source

__all__ = [
    "FETCH_SHARE",
    "LONG_COLUMNS",
    "Call",
    "CallQuerySet",
    "Recording",
    "RecordingManager",
    "RecordingRun",
    "Source",
    "TranscriptState",
]

"""What every step of a recording run needs."""

from __future__ import annotations

from dataclasses import dataclass

from runs.progress import Progress

from ..audio.reader import AudioReader
from ..models import Recording, RecordingRun
from ..sources import RecordingSource
from ..sources.retries import SourceOutage
from ..transcription.transcriber import Transcriber


@dataclass(frozen=True)
class CollectionContext:
    """An attempt of a run; without a transcriber it only downloads."""

    run: RecordingRun
    progress: Progress
    source: RecordingSource
    outage: SourceOutage
    reader: AudioReader
    transcriber: Transcriber | None

    def weigh_recording(self, recording: Recording) -> float:
        """The share of an item in the run's progress bar, for `Progress.track`."""
        return recording.call.estimate_remaining_work(self.run.job_type) if recording.call else 0.0

"""Pages of the runs of all types together, newest first."""

from __future__ import annotations

from ..models import Run
from ..readers.run_list import RunFilter, RunPosition, fetch_newest
from .merged_pages import MergedPages


class NewestRuns(MergedPages):
    """Its sources are a `RunFilter`."""

    position_class = RunPosition

    def fetch_rows(self, sources: RunFilter, position: RunPosition | None, *, newer: bool) -> list[Run]:
        return fetch_newest(sources, self.page_size + 1, position, newer=newer)

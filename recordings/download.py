"""From a source to the storage: in chunks, resumed where that is safe, and visible only when whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed
from runs.progress import Progress

from .audio import recognised
from .models import Call, RecordingRun
from .sources import Interrupted, RecordingSource
from .sources.patience import persist


def fetch(
    run: RecordingRun, progress: Progress, source: RecordingSource, call: Call, *, tell: Callable[[float], None]
) -> None:
    """Bring the call's recording into the storage, telling as bytes come how much of it is there, from 0 to 1.

    Raises `ItemFailed`, `RunRejected`, `RunLost`, and what `tell` raises.
    """
    with _part_file(run, call) as part:
        arriving = _Arriving(part, tell)
        persist(lambda: arriving.go_on(source, call), wait=progress.wait, reached=lambda: arriving.have)
        audio = recognised(part)
        arriving.verify()
        progress.beat()
        name = path_of(call)
        progress.fenced(_nothing)  # not after the run was taken away: another attempt may be at it
        if not default_storage.exists(name):  # a crash came between the file and its row: it is whole
            default_storage.save(name, _Whole(part))
        progress.fenced(
            call.keep_file,
            name=name,
            size=arriving.have,
            sha256=arriving.digest,
            content_type=audio.content_type,
            duration=audio.duration,
        )


def adopt(progress: Progress, call: Call) -> bool:
    """Take over the file that an attempt brought here before it died over writing the row."""
    name = path_of(call)
    if not default_storage.exists(name):
        return False
    with default_storage.open(name) as stored:
        file = cast("BufferedReader", stored.file)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        audio = recognised(file)
    progress.fenced(
        call.keep_file,
        name=name,
        size=default_storage.size(name),
        sha256=digest,
        content_type=audio.content_type,
        duration=audio.duration,
    )
    return True


def path_of(call: Call) -> str:
    return f"recordings/{call.business_id}/{call.pk}"


def sweep_parts(run: RecordingRun) -> None:
    """Remove what earlier attempts left unfinished. Who still writes there writes to nobody."""
    for path in _incoming().glob(f"{run.business_id}-*.part"):
        path.unlink(missing_ok=True)


class _Arriving:
    """A file as far as it has come."""

    def __init__(self, part: BufferedRandom, tell: Callable[[float], None]) -> None:
        self._part = part
        self._tell = tell
        self._etag = ""
        self._total: int | None = None
        self._sum = hashlib.sha256()
        self.have = 0

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def go_on(self, source: RecordingSource, call: Call) -> None:
        """Raises `Interrupted` when the source stops before the end."""
        resumable = self.have if self._etag else 0
        with source.open(call.location, start=resumable, etag=self._etag) as media:
            same = media.etag == self._etag and media.total == self._total
            if media.start != self.have or not same:
                if media.start:  # a rest of something else
                    self._etag = ""
                    raise Interrupted(_("The recording changed while it was being fetched."))
                self._begin()
            self._etag, self._total = media.etag, media.total
            self._refuse_enormous(media.total or 0)
            for chunk in media.chunks:
                self._take(chunk)
        if self._total is not None and self.have != self._total:
            raise Interrupted(_("The recording ended before its announced size."))

    def _begin(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._sum, self.have = hashlib.sha256(), 0

    def _take(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._sum.update(chunk)
        self.have += len(chunk)
        self._refuse_enormous(self.have)
        self._tell(min(1.0, self.have / self._total) if self._total else 0.0)

    def _refuse_enormous(self, size: int) -> None:
        if size > settings.RECORDINGS_MAX_BYTES:
            raise ItemFailed(
                _("The recording is too large: %(size)d MB.") % {"size": size // 1_000_000}, code="too_large"
            )

    def verify(self) -> None:
        """What lies on the disk is what came over the wire."""
        self._part.flush()
        os.fsync(self._part.fileno())
        self._part.seek(0)
        if hashlib.file_digest(self._part, "sha256").hexdigest() != self.digest:
            raise ItemFailed(_("The recording was damaged on its way to the disk."), code="damaged")


class _Whole(File):  # type: ignore[type-arg]
    """Has the storage of files rename it into its place; any other reads and uploads it."""

    def temporary_file_path(self) -> str:
        return str(cast("BufferedRandom", self.file).name)


@contextmanager
def _part_file(run: RecordingRun, call: Call) -> Iterator[Any]:
    """On the storage's own disk where it has one, so that a rename suffices; gone afterwards in any case."""
    path = _incoming() / f"{run.business_id}-{call.pk}-{run.pk}-{run.attempt}.part"
    try:
        with path.open("w+b") as part:
            yield part
    finally:
        path.unlink(missing_ok=True)


def _incoming() -> Path:
    folder = Path(settings.MEDIA_ROOT, "incoming")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _nothing() -> None:
    """Only to be told whether the attempt still holds its run."""

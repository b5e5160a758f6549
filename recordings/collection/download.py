"""From a source to the storage: in chunks, resumed where that is safe, and visible only when whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedRandom
from pathlib import Path, PurePath
from typing import Any, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed
from runs.progress import Progress

from ..audio.formats import RAW
from ..audio.reader import AudioReader
from ..models import Call, RecordingRun
from ..sources import Interrupted, RecordingSource
from ..sources.retries import persist


def fetch(
    run: RecordingRun,
    progress: Progress,
    source: RecordingSource,
    reader: AudioReader,
    call: Call,
    *,
    report_share: Callable[[float], None],
) -> None:
    """Bring the call's recording into the storage, telling as bytes come how much of it is there, from 0 to 1.

    Raises `ItemFailed`, `StillRecording`, `SourceAway`, `RunRejected`, `RunLost`, and what `report_share` raises.
    """
    with _part_file(run, call) as part:
        arriving = _Arriving(part, report_share)
        persist(lambda: arriving.go_on(source, call), wait=progress.wait, reached=lambda: arriving.have)
        arriving.verify()
        audio = reader.check(Path(part.name), raw=_raw_type_of(call))
        name = path_of(call)
        progress.fenced(_nothing)  # not after the run was taken away: another attempt may be at it
        default_storage.delete(name)  # of an attempt that died before it could say what it had brought
        default_storage.save(name, _Whole(part))
        progress.fenced(
            call.store_file,
            name=name,
            size=arriving.have,
            sha256=arriving.digest,
            **asdict(audio),
        )


def adopt(run: RecordingRun, progress: Progress, reader: AudioReader, call: Call) -> bool:
    """Take over the file that an attempt brought here before it died over writing the row."""
    name = path_of(call)
    if not default_storage.exists(name) or default_storage.size(name) < (call.size_at_source or 0):
        return False
    with on_disk(run, call, name) as path:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        audio = reader.check(path, raw=_raw_type_of(call))
    progress.fenced(
        call.store_file,
        name=name,
        size=default_storage.size(name),
        sha256=digest,
        **asdict(audio),
    )
    return True


@contextmanager
def on_disk(run: RecordingRun, call: Call, name: str) -> Iterator[Path]:
    """A stored file where another process can open it: its own place, or a copy where the storage is elsewhere."""
    try:
        path = default_storage.path(name)
    except NotImplementedError:
        with _part_file(run, call) as copy, default_storage.open(name) as stored:
            shutil.copyfileobj(stored, copy)
            copy.flush()
            yield Path(copy.name)
    else:
        yield Path(path)


def _raw_type_of(call: Call) -> str:
    """The content type of samples without a head, which only the name at the source tells."""
    raw = RAW.get(PurePath(call.location).suffix.lower())
    return raw.content_type if raw else ""


def path_of(call: Call) -> str:
    """Where the call's next file is to lie. One that has grown gets another name, so that either is seen whole."""
    name = f"recordings/{call.business_id}/{call.pk}"
    return f"{name}-{call.size_at_source}" if call.file else name


def sweep_parts(run: RecordingRun) -> None:
    """Remove what earlier attempts left unfinished. Who still writes there writes to nobody."""
    for path in _incoming().glob(f"{run.business_id}-*.part"):
        path.unlink(missing_ok=True)


class _Arriving:
    """A file as far as it has come."""

    def __init__(self, part: BufferedRandom, report_share: Callable[[float], None]) -> None:
        self._part = part
        self._tell = report_share
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

"""Downloads a recording from its source to the storage: in chunks, resumed if that is safe, visible once complete."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict
from io import BufferedRandom
from pathlib import Path, PurePath
from typing import cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed

from ..audio.formats import raw_type_of_ending
from ..models import Call
from ..sources import Interrupted, RecordingSource
from ..sources.retries import retry_interrupted
from ..stored_messages import TOO_LARGE
from .context import CollectionContext
from .stored_files import open_on_disk, open_part_file, storage_name_of


def fetch_recording(context: CollectionContext, call: Call, *, report_share: Callable[[float], None]) -> None:
    """Download the call's recording and store it. `report_share` gets how much has arrived, from 0 to 1.

    Raises `ItemFailed`, `StillRecording`, `SourceAway`, `RunRejected`, `RunLost`, and what `report_share` raises.
    """
    progress = context.progress
    # A part file is of no use to another attempt.
    with progress.postpone_interrupt(), open_part_file(context.run, call) as part:
        download = Download(part, report_share)
        retry_interrupted(
            lambda: download.resume(context.source, call),
            wait=context.outage.wait_between_tries,
            get_position=lambda: download.size,
        )
        download.verify_on_disk()
        audio = context.reader.check_recording(Path(part.name), raw_type=raw_type_of(call))
        progress.fenced(lambda: None)  # raises if the run was taken away: another attempt may be storing the file
        # In place of what an attempt left that died before it wrote the row. It isn't deleted first: where this attempt
        # is frozen here, another one may have stored the file, and has removed this part file. Then `save` raises.
        name = default_storage.save(storage_name_of(call), CompletePart(part))
        progress.fenced(call.store_file, name=name, size=download.size, sha256=download.digest, **asdict(audio))


def adopt_stored_file(context: CollectionContext, call: Call) -> bool:
    """Use the file that an attempt stored before it died, without writing the row. False if there is none."""
    name = storage_name_of(call)
    if not default_storage.exists(name) or default_storage.size(name) < (call.size_at_source or 0):
        return False
    with open_on_disk(context.run, call, name) as path:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        audio = context.reader.check_recording(path, raw_type=raw_type_of(call))
    size = default_storage.size(name)
    context.progress.fenced(call.store_file, name=name, size=size, sha256=digest, **asdict(audio))
    return True


def raw_type_of(call: Call) -> str:
    """The content type if the recording is headerless samples, which only its name at the source tells; else empty."""
    return raw_type_of_ending(PurePath(call.location).suffix)


class Download:
    """A part file and how much of the recording it has."""

    def __init__(self, part: BufferedRandom, report_share: Callable[[float], None]) -> None:
        self._part = part
        self._report_share = report_share
        self._etag = ""
        self._total: int | None = None
        self._checksum = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._checksum.hexdigest()

    def resume(self, source: RecordingSource, call: Call) -> None:
        """Download the rest, or all of it if the rest may belong to other content. Raises `Interrupted`."""
        start = self.size if self._etag else 0
        with source.open_recording(call.location, start=start, etag=self._etag) as media:
            is_same = media.etag == self._etag and media.total == self._total
            if media.start != self.size or not is_same:
                if media.start:  # the rest of other content
                    self._etag = ""
                    raise Interrupted(_("The recording changed while it was being fetched."))
                self._restart()
            self._etag, self._total = media.etag, media.total
            check_size(media.total or 0)
            for chunk in media.chunks:
                self._append(chunk)
        if self._total is not None and self.size != self._total:
            raise Interrupted(_("The recording ended before its announced size."))

    def _restart(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._checksum, self.size = hashlib.sha256(), 0

    def _append(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._checksum.update(chunk)
        self.size += len(chunk)
        check_size(self.size)
        self._report_share(min(1.0, self.size / self._total) if self._total else 0.0)

    def verify_on_disk(self) -> None:
        """Compare the file on the disk with the checksum of what arrived. Raises `ItemFailed`."""
        self._part.flush()
        os.fsync(self._part.fileno())
        self._part.seek(0)
        if hashlib.file_digest(self._part, "sha256").hexdigest() != self.digest:
            raise ItemFailed(_("The recording was damaged on its way to the disk."), code="damaged")


def check_size(size: int) -> None:
    """Raises `ItemFailed` for more than the installation allows."""
    if size > settings.RECORDINGS_MAX_BYTES:
        raise ItemFailed(TOO_LARGE % {"size": size // 1_000_000}, code="too_large")


class CompletePart(File):  # type: ignore[type-arg]
    """Lets the file system storage rename the file into its place; any other storage reads and uploads it."""

    def temporary_file_path(self) -> str:
        return str(cast("BufferedRandom", self.file).name)

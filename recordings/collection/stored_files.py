"""The files of recordings in the storage, and the part files that they are downloaded into."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from ..models import Call, RecordingRun


def storage_name_of(call: Call) -> str:
    """The name of the call's next file: a new one after the recording has grown, so that readers see complete files."""
    name = f"recordings/{call.business_id}/{call.pk}"
    return f"{name}-{call.size_at_source}" if call.file else name


@contextmanager
def open_on_disk(run: RecordingRun, call: Call, name: str) -> Iterator[Path]:
    """A path at which another process can open a stored file; a temporary copy if the storage isn't on this machine."""
    try:
        path = default_storage.path(name)
    except NotImplementedError:
        with open_part_file(run, call) as copy, default_storage.open(name) as stored:
            shutil.copyfileobj(stored, copy)
            copy.flush()
            yield Path(copy.name)
    else:
        yield Path(path)


@contextmanager
def open_part_file(run: RecordingRun, call: Call) -> Iterator[Any]:
    """A temporary file, removed at the end. It is on the storage's own disk, so that storing it is a rename."""
    path = incoming_folder() / f"{run.business_id}-{call.pk}-{run.pk}-{run.attempt}.part"
    try:
        with path.open("w+b") as part:
            yield part
    finally:
        path.unlink(missing_ok=True)


def remove_part_files(run: RecordingRun) -> None:
    """Remove the part files that earlier attempts left behind: all of the business, whichever run they belong to.

    No other run needs one. Recording runs are exclusive: while this one is active, the business has no other active run
    of the type. An attempt of an earlier run, or an earlier attempt of this one, may still be writing; but fencing
    refuses to store what it downloads.
    """
    for path in incoming_folder().glob(f"{run.business_id}-*.part"):
        path.unlink(missing_ok=True)


def incoming_folder() -> Path:
    folder = Path(settings.MEDIA_ROOT, "incoming")
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""G3 for recordings: every file of a folder is a call, and each fetched file is equal to its original."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.files.storage import default_storage

from recordings.audio.formats import AUDIO_ENDINGS
from recordings.models import Call, Recording, RecordingRun, Source
from runs.states import ItemStatus, Status

from .findings import Finding


def check(finding: Finding, *, is_settled: bool) -> None:
    for call in Call.objects.exclude(file="").select_related("source").defer("segments", "transcript").iterator():
        finding.count("recordings fetched")
        for fault in _faults(call):
            finding.violate(f"call {call.pk} ({call.call_id}) {fault}")
    for source in Source.objects.filter(kind=Source.Kind.FOLDER):
        if Path(source.folder).is_dir():
            _check_folder(finding, source)
    done = Recording.objects.filter(status=ItemStatus.DONE, call__file="")
    for run, key in done.values_list("run", "key"):
        finding.violate(f"recording {run}: {key} is done, and its file isn't here")
    if is_settled:
        for part in Path(settings.MEDIA_ROOT, "incoming").glob("*.part"):
            finding.violate(f"{part.name} was left behind by a download")


def _faults(call: Call) -> Iterator[str]:
    name = str(call.file.name)
    if not default_storage.exists(name):
        yield f"names the file {name}, which isn't there"
        return
    with default_storage.open(name) as stored:
        if _digest(cast("BufferedReader", stored.file)) != call.sha256:
            yield f"isn't what was fetched: {name}"
    original = Path(call.source.folder, call.location)
    if call.source.kind == Source.Kind.FOLDER and original.is_file():
        with original.open("rb") as file:
            if _digest(file) != call.sha256:
                yield f"isn't what lies in the folder: {original}"


def _digest(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _check_folder(finding: Finding, source: Source) -> None:
    """For folders of which a run has fetched everything."""
    whole: Any = {"source": source, "from_date": None, "to_date": None, "direction": "", "selected": False}
    run = RecordingRun.objects.filter(**whole, status=Status.COMPLETED).order_by("pk").first()
    if run is None:
        return
    files = {path for path in Path(source.folder).rglob("*") if path.suffix.lower() in AUDIO_ENDINGS and path.is_file()}
    finding.count("files in folders", len(files))
    items: Any = run.items
    listed = dict(items.values_list("key", "status"))
    for path in files:
        if not listed.keys() & {path.stem[:200], path.name[:200]}:
            finding.violate(f"recording {run.pk} is completed, and {path} was never listed")
    for key, status in listed.items():
        if status not in (ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.FAILED):
            finding.violate(f"recording {run.pk} is completed, and {key} is {status}")

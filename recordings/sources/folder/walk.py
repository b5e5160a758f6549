"""Walks a folder source. Only names, types and sizes are read here; no file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ...audio.formats import AUDIO_ENDINGS
from ...stored_messages import FOLDER_UNREADABLE
from .. import Beat, LeftOut, LeftOutReason, SourceAway
from .root import FolderRoot, resolve_links

Entries = list[os.DirEntry[str]]


class FolderWalk:
    def __init__(self, root: FolderRoot, beat: Beat) -> None:
        self._root = root
        self._beat = beat

    def walk_folders(self) -> Iterator[tuple[Path, Entries] | LeftOut]:
        """Yield every folder with its entries, sorted by name. Raises `SourceAway` if the root can't be read."""
        waiting = [self._root.path]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as scan:
                    entries = sorted(self.beat_between(scan), key=lambda entry: entry.name)
            except OSError as error:
                if folder == self._root.path:
                    raise SourceAway(FOLDER_UNREADABLE % {"reason": error.strerror}) from error
                yield self._root.leave_out(folder, LeftOutReason.UNREADABLE_FOLDER)
                continue
            waiting += [folder / entry.name for entry in self.beat_between(reversed(entries)) if is_folder(entry)]
            yield folder, entries

    def beat_between(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        """Beat once an entry: a folder may have a million of them, and be on a slow network share."""
        for entry in entries:
            self._beat()
            yield entry

    def stat_recording(self, entry: os.DirEntry[str]) -> os.stat_result | LeftOutReason | None:
        """The status of a recording, or why it is left out; None if the entry is no recording."""
        has_audio_ending = Path(entry.name).suffix.lower() in AUDIO_ENDINGS
        try:
            if entry.is_symlink():
                return self.stat_link_target(Path(entry.path), has_audio_ending)
            if not has_audio_ending or entry.is_dir(follow_symlinks=False):
                return None
            return accept_regular(entry.stat(follow_symlinks=False))
        except FileNotFoundError:  # moved away since the folder was read
            return None
        except OSError:
            return LeftOutReason.UNREADABLE_FILE

    def stat_link_target(self, link: Path, has_audio_ending: bool) -> os.stat_result | LeftOutReason | None:
        """The same for a link, which may only lead to a file within the folder."""
        try:
            target = resolve_links(link)
        except OSError:  # nothing is there, or the link leads to itself
            return LeftOutReason.LINK if has_audio_ending else None
        if target.is_dir():
            return LeftOutReason.LINK
        if not has_audio_ending:
            return None
        return accept_regular(target.lstat()) if target.is_relative_to(self._root.path) else LeftOutReason.LINK


def is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def accept_regular(status: os.stat_result) -> os.stat_result | LeftOutReason:
    """The status of a regular file; anything else is left out."""
    return status if stat.S_ISREG(status.st_mode) else LeftOutReason.NOT_A_FILE

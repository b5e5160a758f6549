"""Walks a folder source. Only names, types and sizes are read here; no file is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...audio.formats import AUDIO_ENDINGS
from ...stored_messages import FOLDER_UNREADABLE
from .. import Beat, LeftOut, LeftOutReason, SourceAway
from .root import FolderRoot, resolve_links


@dataclass(frozen=True)
class OpenFolder:
    """A folder with its entries, sorted by name. It is open, and its entries can be asked, until the next is read."""

    path: Path
    descriptor: int
    entries: list[os.DirEntry[str]]

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.entries)


class FolderWalk:
    def __init__(self, root: FolderRoot, beat: Beat) -> None:
        self._root = root
        self._beat = beat

    def walk_folders(self) -> Iterator[OpenFolder | LeftOut]:
        """Yield every folder. Raises `SourceAway` if the root can't be read."""
        waiting = [self._root.path]
        while waiting:
            path = waiting.pop()
            with ExitStack() as stack:
                try:
                    folder = self.read_folder(path, stack.enter_context(self._root.open_folder(path)))
                except OSError as error:
                    if path == self._root.path:
                        raise SourceAway(FOLDER_UNREADABLE % {"reason": error.strerror}) from error
                    yield self._root.leave_out(path, LeftOutReason.UNREADABLE_FOLDER)
                    continue
                entries = self.beat_between(reversed(folder.entries))
                waiting += [path / entry.name for entry in entries if is_folder(entry)]
                yield folder

    def read_folder(self, path: Path, descriptor: int) -> OpenFolder:
        with os.scandir(descriptor) as scan:
            return OpenFolder(path, descriptor, sorted(self.beat_between(scan), key=lambda entry: entry.name))

    def beat_between(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        """Beat once an entry: a folder may have a million of them, and be on a slow network share."""
        for entry in entries:
            self._beat()
            yield entry

    def stat_recording(self, folder: OpenFolder, entry: os.DirEntry[str]) -> os.stat_result | LeftOutReason | None:
        """The status of a recording, or why it is left out; None if the entry is no recording."""
        has_audio_ending = Path(entry.name).suffix.lower() in AUDIO_ENDINGS
        try:
            if entry.is_symlink():
                return self.stat_link_target(folder.path / entry.name, has_audio_ending)
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

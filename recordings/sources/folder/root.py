"""The root of a folder source, and what stands for the paths within it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import RunRejected
from runs.text import clean

from ...regular_files import NotRegular, open_regular
from ...stored_messages import FOLDER_NOT_OFFERED, NO_SUCH_FOLDER
from .. import LeftOut, LeftOutReason, SourceAway
from .file_names import printable_name

MAX_DEPTH: Final = 200  # folders within one another; an exchange needs four
QUOTED: Final = "/"  # begins a location whose bytes are no text; a path within a folder never begins so


class DanglingLink(OSError):
    """A link to nothing, or to itself."""


class FolderRoot:
    """Raises `RunRejected` for a folder that the installation doesn't offer."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder).resolve()
        self._inode: int | None = None  # once it has been seen
        if not any(self.path.is_relative_to(Path(parent).resolve()) for parent in settings.RECORDINGS_FOLDERS):
            raise RunRejected(FOLDER_NOT_OFFERED % {"folder": folder})

    def check_presence(self) -> None:
        """Raises `SourceAway`, also for another inode: an unmounted share leaves a different, empty folder behind."""
        try:
            inode = self.path.stat().st_ino
            if not self.path.is_dir():
                raise NotADirectoryError
        except OSError as error:
            message = NO_SUCH_FOLDER % {"folder": self.path}
            raise SourceAway(message) from error
        if self._inode is None:
            self._inode = inode
        if inode != self._inode:
            raise SourceAway(_("The folder isn't there any more."))

    def location_of(self, path: Path) -> str:
        """The path within the folder, quoted if the database can't store it as text."""
        relative = str(path.relative_to(self.path))
        return relative if relative == clean(relative) else QUOTED + quote_from_bytes(os.fsencode(relative))

    def resolve_location(self, location: str) -> Path:
        """The file at a location, behind any links.

        Raises `OSError`: `FileNotFoundError` if it doesn't exist or is outside of the folder, `DanglingLink`.
        """
        relative = os.fsdecode(unquote_to_bytes(location)) if location.startswith(QUOTED) else location
        path = self.path / relative.lstrip(QUOTED)
        try:
            target = resolve_links(path)
        except OSError as error:
            if path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
                raise DanglingLink from error
            raise
        if not target.is_relative_to(self.path):
            raise FileNotFoundError
        return target

    @contextmanager
    def open_folder(self, path: Path) -> Iterator[int]:
        """The descriptor of a folder within the root. Raises `OSError`.

        Who has write access here can replace any folder by a link to another business's at any time. So
        each folder is opened in the one above it, and no link is followed.
        """
        parts = path.relative_to(self.path).parts
        if len(parts) > MAX_DEPTH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags)
        try:
            for part in parts:
                above, descriptor = descriptor, os.open(part, flags, dir_fd=descriptor)
                os.close(above)
            yield descriptor
        finally:
            os.close(descriptor)

    def open_file(self, path: Path) -> BinaryIO:
        """Open a resolved path within the root, as it is now. Raises `NotRegular`, `OSError`."""
        if path == self.path:
            raise NotRegular
        with self.open_folder(path.parent) as folder:
            return open_regular(path.name, folder)

    def display_path(self, path: Path) -> str:
        """The path within the folder, as people are shown it."""
        return printable_name(str(path.relative_to(self.path)))

    def leave_out(self, path: Path, reason: LeftOutReason) -> LeftOut:
        return LeftOut(self.display_path(path), reason)


def resolve_links(path: Path) -> Path:
    """The path without links. Raises `OSError`.

    `stat` comes first because the kernel follows at most forty links: `realpath` alone would follow a chain of
    thousands, and start over at each of its links.
    """
    path.stat()
    return Path(os.path.realpath(path, strict=True))

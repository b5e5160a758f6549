"""Opening files that strangers may have placed: only regular ones, without blocking and without following a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """A link, a pipe, a socket, a device or a folder."""


def open_regular(path: str | Path, dir_fd: int | None = None) -> BinaryIO:
    """Open for reading; `dir_fd`: the open folder that the path begins in. Raises `NotRegular`, `OSError`.

    A pipe without a writer would block in `open`, and opening a device may have effects: so the type is checked before
    opening, and once more afterwards in case the file was replaced in between.
    """
    reject_irregular(os.stat(path, dir_fd=dir_fd, follow_symlinks=False))
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    try:
        reject_irregular(os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def reject_irregular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular

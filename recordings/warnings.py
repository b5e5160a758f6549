"""What a run left out while it listed its source: stored as counts with a few names, shown in the reader's language."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import ngettext_lazy

from .sources import LeftOut, LeftOutReason

MAX_NAMES: Final = 5
MAX_NAME_LENGTH: Final = 200

LeftOuts = dict[str, dict[str, Any]]  # {reason: {"count": how many, "names": the first few}}

SENTENCES: Final = {
    LeftOutReason.UNREADABLE_FOLDER: ngettext_lazy(
        "%(count)d folder can't be read: %(names)s", "%(count)d folders can't be read: %(names)s", "count"
    ),
    LeftOutReason.UNREADABLE_FILE: ngettext_lazy(
        "%(count)d file can't be opened: %(names)s", "%(count)d files can't be opened: %(names)s", "count"
    ),
    LeftOutReason.UNREADABLE_NOTES: ngettext_lazy(
        "%(count)d file of notes about the calls can't be read: %(names)s",
        "%(count)d files of notes about the calls can't be read: %(names)s",
        "count",
    ),
    LeftOutReason.STILL_RECORDING: ngettext_lazy(
        "%(count)d call is still being recorded, a later run will fetch it: %(names)s",
        "%(count)d calls are still being recorded, a later run will fetch them: %(names)s",
        "count",
    ),
    LeftOutReason.NOT_A_FILE: ngettext_lazy(
        "%(count)d item isn't a regular file and was not opened: %(names)s",
        "%(count)d items aren't regular files and were not opened: %(names)s",
        "count",
    ),
    LeftOutReason.LINK: ngettext_lazy(
        "%(count)d link leads to a folder, out of the source or to nothing, and was not followed: %(names)s",
        "%(count)d links lead to folders, out of the source or to nothing, and were not followed: %(names)s",
        "count",
    ),
    LeftOutReason.UNKNOWN_KIND: ngettext_lazy(
        "%(count)d recording has an unsupported format: %(names)s",
        "%(count)d recordings have an unsupported format: %(names)s",
        "count",
    ),
}


def add_left_out(left_outs: LeftOuts, left_out: LeftOut) -> None:
    of_reason = left_outs.setdefault(left_out.reason.value, {"count": 0, "names": []})
    of_reason["count"] += 1
    if len(of_reason["names"]) < MAX_NAMES:
        of_reason["names"].append(left_out.name[:MAX_NAME_LENGTH])


def format_warnings(left_outs: LeftOuts) -> list[str]:
    """A sentence for each reason."""
    return [format_warning(LeftOutReason(reason), **of_reason) for reason, of_reason in sorted(left_outs.items())]


def format_warning(reason: LeftOutReason, count: int, names: list[str]) -> str:
    shown = ", ".join(names) + (", …" if count > len(names) else "")
    return str(SENTENCES[reason] % {"count": count, "names": shown})

"""A stored file over HTTP, whole or one range of bytes: media players seek with range requests."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from django.core.files.base import File
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

CHUNK: Final = 64 * 1024
# One range with at least one of its ends. Any other header gets the whole file.
_RANGE = re.compile(r"bytes=(?!-$)(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


def range_response(
    request: HttpRequest, file: File[Any], *, content_type: str, filename: str, as_attachment: bool
) -> HttpResponseBase:
    """200, 206 for one range of bytes, or 416 for one beyond the end. Closes `file` when it has been sent."""
    size = file.size
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    span = parse_range(match["first"], match["last"], size) if match else (0, size)
    if span is None:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, length = span
    file.seek(first)
    part = FilePart(file, length)
    response = StreamingHttpResponse(
        iter(partial(part.read, CHUNK), b""),
        status=206 if match else 200,
        content_type=content_type,
        headers={
            "Accept-Ranges": "bytes",
            "Content-Length": str(length),
            "Content-Disposition": content_disposition_header(as_attachment, filename) or "attachment",
            "X-Content-Type-Options": "nosniff",
        },
    )
    if match:
        response.headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{size}"
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]  # as Django's own FileResponse does
    # Django passes it to a server that sends files by itself, as `progress_project.pooled_wsgi` does.
    response.file_to_stream, response.block_size = part, CHUNK  # type: ignore[attr-defined]
    return response


class FilePart:
    """So many bytes of a file, from where it stands."""

    def __init__(self, file: File[Any], length: int) -> None:
        self.length = length
        self._file, self._left = file, length

    def fileno(self) -> int:
        return int(self._file.fileno())

    def tell(self) -> int:
        return int(self._file.tell())

    def read(self, size: int) -> bytes:
        chunk: bytes = self._file.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk


def parse_range(first: str, last: str, size: int) -> tuple[int, int] | None:
    """First byte and length; None beyond the end."""
    if not first:  # the last so many bytes
        length = min(int(last), size)
        return (size - length, length) if length else None
    begins, ends = int(first), min(int(last or size - 1), size - 1)
    return (begins, ends - begins + 1) if begins <= ends else None

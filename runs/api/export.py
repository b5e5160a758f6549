"""Items as CSV: streamed, readable by spreadsheets, and nothing there that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from .outputs import ItemSerializer

BATCH = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BOM = "\ufeff"  # without it a spreadsheet reads Hebrew as Latin


def csv_response(
    request: HttpRequest, items: Any, filename: str, columns: list[str] | None = None
) -> StreamingHttpResponse:
    """All of `items` as a download: a queryset of RunItems, or of anything else whose `columns` are named."""
    lines: Any = _batches(items, columns or [*ItemSerializer().fields, *items.model.public_fields])
    return StreamingHttpResponse(
        _from_thread(lines) if isinstance(request, ASGIRequest) else lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def _batches(items: Any, columns: list[str]) -> Iterator[str]:
    yield BOM + _csv([columns])
    rows = items.iterator(chunk_size=BATCH)
    while batch := list(islice(rows, BATCH)):
        yield _csv(_cells(item, columns) for item in batch)


def _cells(item: Any, columns: list[str]) -> list[str]:
    values = (getattr(item, column) for column in columns)
    return [_harmless("" if value is None else str(value)) for value in values]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _csv(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


async def _from_thread(lines: Iterator[str]) -> AsyncIterator[str]:
    """Under ASGI Django would collect a plain iterator whole before sending it."""
    take = sync_to_async(lambda: next(lines, None))
    while (line := await take()) is not None:
        yield line

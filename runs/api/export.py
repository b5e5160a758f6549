"""Rows as CSV: streamed, readable by spreadsheets, and without formulas that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import get_language, override

from ..stored_text import translate_stored

ITEM_COLUMNS = ("id", "key", "status", "error_code", "error_message", "attempts")
BATCH = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
BOM = "\ufeff"  # spreadsheets recognise UTF-8 by it


def csv_response(items: Any, filename: str, columns: list[str] | None = None) -> StreamingHttpResponse:
    """All `items` as a download. A queryset of anything but RunItems needs `columns`."""
    return StreamingHttpResponse(
        csv_batches(items, columns or [*ITEM_COLUMNS, *items.model.public_fields], get_language()),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def csv_batches(items: Any, columns: list[str], language: str | None) -> Iterator[str]:
    """Sent after the view has returned, when the active language may be another request's."""
    yield BOM + format_csv([columns])
    rows = items.iterator(chunk_size=BATCH)
    while batch := list(islice(rows, BATCH)):
        with override(language):
            text = format_csv([csv_cell(item, column) for column in columns] for item in batch)
        yield text


def csv_cell(item: Any, column: str) -> str:
    value = getattr(item, column)
    if column == "error_message":
        value = translate_stored(value)
    return escape_formula("" if value is None else str(value))


def escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def format_csv(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

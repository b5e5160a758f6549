"""Rows as CSV: streamed, readable by spreadsheets, and without formulas that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse

ITEM_COLUMNS = ("id", "key", "status", "error_code", "error_message", "attempts")
BATCH = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
BOM = "\ufeff"  # spreadsheets recognise UTF-8 by it


def csv_response(items: Any, filename: str, columns: list[str] | None = None) -> StreamingHttpResponse:
    """All `items` as a download. A queryset of anything but RunItems needs `columns`."""
    return StreamingHttpResponse(
        csv_batches(items, columns or [*ITEM_COLUMNS, *items.model.public_fields]),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def csv_batches(items: Any, columns: list[str]) -> Iterator[str]:
    yield BOM + format_csv([columns])
    rows = items.iterator(chunk_size=BATCH)
    while batch := list(islice(rows, BATCH)):
        yield format_csv(csv_cells(item, columns) for item in batch)


def csv_cells(item: Any, columns: list[str]) -> list[str]:
    values = (getattr(item, column) for column in columns)
    return [escape_formula("" if value is None else str(value)) for value in values]


def escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def format_csv(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

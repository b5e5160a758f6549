"""The bounded child process that draws documents for `receipts.preview.preview`. It doesn't load Django.

What goes out is made here, pixel by pixel or as plain text: nothing of the stranger's bytes reaches a browser.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from receipts.preview.drawing import draw_pdf_page, draw_picture
from receipts.preview.frames import DocumentKind, read_request
from receipts.preview.texts import outline_xml, read_html_text
from runs.children.child_loop import serve


def main() -> None:
    serve(answer_request)


def answer_request(request: bytes) -> bytes:
    """Empty where the document can't be shown."""
    kind, page, charset, content = read_request(request)
    draws: dict[DocumentKind, Callable[[bytes, int], bytes]] = {
        DocumentKind.PDF: draw_pdf_page,
        DocumentKind.PICTURE: draw_picture,
        DocumentKind.HTML: partial(read_html_text, charset=charset),
        DocumentKind.XML: outline_xml,
    }
    try:
        return draws[kind](content, page)
    except Exception:  # whatever its parser raises over a broken document
        return b""


if __name__ == "__main__":
    main()

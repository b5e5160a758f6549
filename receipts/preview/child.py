"""The process that draws documents for `receipts.preview.preview`; no Django inside.

What goes out is made here, pixel by pixel or as plain text: nothing of the stranger's bytes reaches a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from receipts.extraction.einvoice import MAX_XML
from receipts.message.charsets import decoded
from receipts.message.markup import MAX_HTML, html_text
from receipts.preview.frames import COUNT, MAX_PAGES, Kind, read_request
from runs.children.server import serve

# Of what is drawn: an A4 page of this height is sharp enough to read its small print.
LONGEST_SIDE = 1_600
LARGEST_SCALE = 3.0
# Of a picture that is opened: a phone's camera has 50 million at most, a decompression bomb many more.
MAX_PIXELS = 60_000_000
MAX_CHARACTERS = 20_000
# Of XML: the sums of many e-invoices stand behind all of their items.
MAX_LINES = 3_000
MAX_LINE = 200
MAX_INDENT = 20
PICTURES = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def main() -> None:
    serve(answer)


def answer(request: bytes) -> bytes:
    """Empty where the document can't be shown."""
    kind, page, content = read_request(request)
    draw = {Kind.PDF: _draw_pdf, Kind.PICTURE: _draw_picture, Kind.HTML: _read_html, Kind.XML: _read_xml}[kind]
    try:
        return draw(content, page)
    except Exception:  # whatever its parser raises over a broken document
        return b""


def _draw_pdf(content: bytes, page: int) -> bytes:
    import pypdfium2  # each request needs one of the two libraries, and both take their time to load

    document = pypdfium2.PdfDocument(content)
    count = min(len(document), MAX_PAGES)
    if page == COUNT:
        return str(count).encode()
    if page > count:
        return b""
    paper = document[page - 1]
    scale = min(LONGEST_SIDE / max(paper.get_size()), LARGEST_SCALE)
    return _as_png(paper.render(scale=scale, may_draw_forms=False).to_pil())


def _draw_picture(content: bytes, page: int) -> bytes:
    from PIL import Image, ImageOps

    picture = Image.open(BytesIO(content), formats=PICTURES)
    if picture.width * picture.height > MAX_PIXELS or page > 1:
        return b""
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a large JPEG is decoded at a fraction of its size
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if page == COUNT:  # all of it could be decoded
        return b"1"
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGB", upright.size, "white")
    paper.paste(upright, mask=upright)
    return _as_png(paper)


def _as_png(picture: Any) -> bytes:
    """Only what is seen: no metadata of the stranger's."""
    picture.info = {}
    image = BytesIO()
    picture.convert("RGB").save(image, "PNG")
    return image.getvalue()


def _read_html(content: bytes, page: int) -> bytes:
    text = html_text(decoded(content[:MAX_HTML], "")).replace("\0", "")
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:MAX_CHARACTERS].encode("utf-8", "replace")


def _read_xml(content: bytes, page: int) -> bytes:
    """An e-invoice was written for programs; a person reads its elements line by line."""
    from defusedxml.ElementTree import DefusedXMLParser

    outline = _Outline()
    parser = DefusedXMLParser(target=outline, forbid_dtd=True)
    parser.feed(content[:MAX_XML])
    parser.close()
    return "\n".join(outline.lines).encode("utf-8", "replace")


@dataclass
class _Outline:
    """Takes what the parser meets: a line for each element, with its text."""

    lines: list[str] = field(default_factory=list)
    _depth: int = 0
    _text: str = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._end_line()
        if len(self.lines) < MAX_LINES:
            self.lines.append("  " * min(self._depth, MAX_INDENT) + tag.rpartition("}")[2][:MAX_LINE])
        self._depth += 1

    def data(self, text: str) -> None:
        self._text = (self._text + text)[:MAX_LINE]

    def end(self, tag: str) -> None:
        self._end_line()
        self._depth -= 1

    def close(self) -> None:
        """The parser asks for it."""

    def _end_line(self) -> None:
        text = " ".join(self._text.split())
        if text and len(self.lines) < MAX_LINES:
            self.lines[-1] += f": {text}"
        self._text = ""


if __name__ == "__main__":
    main()

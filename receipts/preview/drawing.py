"""Pages of PDFs and pictures, drawn anew as PNGs: nothing of the stranger's bytes is in them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from receipts.preview.frames import COUNT, MAX_PAGES

# Of what is drawn: an A4 page of this height is sharp enough to read its small print.
LONGEST_SIDE = 1_600
LARGEST_SCALE = 3.0
# Of a picture that is opened: a phone's camera has 50 million at most, a decompression bomb many more.
MAX_PIXELS = 60_000_000
PICTURES = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def draw_pdf_page(content: bytes, page: int) -> bytes:
    import pypdfium2  # each request needs one of the two libraries, and both take their time to load

    document = pypdfium2.PdfDocument(content)
    count = min(len(document), MAX_PAGES)
    if page == COUNT:
        return str(count).encode()
    if page > count:
        return b""
    paper = document[page - 1]
    scale = min(LONGEST_SIDE / max(paper.get_size()), LARGEST_SCALE)
    return _encode_png(paper.render(scale=scale, may_draw_forms=False).to_pil())


def draw_picture(content: bytes, page: int) -> bytes:
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
    return _encode_png(paper)


def _encode_png(picture: Any) -> bytes:
    """The picture as PNG, without any metadata of the original."""
    picture.info = {}
    image = BytesIO()
    picture.convert("RGB").save(image, "PNG")
    return image.getvalue()

"""The documents of the demo: invoices drawn by fpdf2, the same bytes every time."""

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Final

import font_amatic_sc
from fpdf import FPDF, XPos, YPos
from fpdf.bidi import BidiParagraph
from PIL import Image, ImageDraw

# fpdf2 would write the moment of making into the file, and no two builds would agree.
MADE_AT: Final = datetime(2024, 1, 1, tzinfo=UTC)

# It tells at length how each font shrinks.
logging.getLogger("fontTools").setLevel(logging.WARNING)

# Two documents that say "the file is small and the work is endless", for hostile mail.
FORM_LEVELS: Final = 14
BOMB_BYTES: Final = 1_500_000_000


@dataclass(frozen=True)
class Paper:
    """An invoice as lines: a title, what stands above the table, the table, and the sums."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    sums: Sequence[tuple[str, str]]
    right_to_left: bool = False


def drawn(paper: Paper) -> bytes:
    """The paper as a PDF of one or more pages."""
    pdf = FPDF()
    pdf.set_creation_date(MADE_AT)
    pdf.set_auto_page_break(auto=True, margin=15)
    if paper.right_to_left:
        pdf.add_font("hebrew", fname=font_amatic_sc.AmaticSC)
    pdf.add_page()
    font = "hebrew" if paper.right_to_left else "helvetica"
    pdf.set_font(font, size=20)
    _line(pdf, paper.title, paper.right_to_left)
    pdf.set_font(font, size=11)
    for text in paper.head:
        _line(pdf, text, paper.right_to_left)
    pdf.ln(5)
    for row in paper.rows:
        _row(pdf, row, paper.right_to_left)
    pdf.ln(5)
    for label, amount in paper.sums:
        _line(pdf, f"{label} {amount}", paper.right_to_left)
    return bytes(pdf.output())


def photograph(lines: Sequence[str]) -> bytes:
    """A receipt as a phone's camera sees it: a JPEG without a text."""
    picture = Image.new("L", (360, 60 + 40 * len(lines)), 235)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((30, 30 + 40 * number), line, fill=40, font_size=26)
    written = BytesIO()
    picture.rotate(2, expand=True, fillcolor=90).save(written, "JPEG", quality=60)
    return written.getvalue()


def locked() -> bytes:
    """A PDF that opens with a password only."""
    pdf = FPDF()
    pdf.set_creation_date(MADE_AT)
    pdf.set_encryption(owner_password="owner", user_password="nobody knows")  # noqa: S106
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    pdf.cell(text="Invoice INV-1 Total due: $10.00")
    return bytes(pdf.output())


def endless() -> bytes:
    """A PDF of 5 kB whose forms draw one another ten times each: no parser ever ends it.

    The last form is long, so that time runs out before memory.
    """
    first = 5
    forms = [
        _stream(
            b"/Type /XObject /Subtype /Form /BBox [0 0 1 1]"
            b" /Resources << /XObject << /X %d 0 R >> >>" % (first + level + 1),
            b"/X Do " * 10,
        )
        for level in range(FORM_LEVELS)
    ]
    idle = zlib.compress(b"q Q " * 200_000, 9)
    last = _stream(b"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Filter /FlateDecode", idle)
    resources = b"<< /XObject << /X %d 0 R >> >>" % first
    return _assembled([*_one_page(resources), _stream(b"", b"/X Do"), *forms, last])


def bomb() -> bytes:
    """A PDF of a few kB whose page unpacks to more than a gigabyte of zeros."""
    chunk = bytes(1_000_000)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    # Packed once and repeated: over zeros the checksum's one half stays 1, the other counts.
    checksum = (BOMB_BYTES % 65521) << 16 | 1
    packed = b"\x78\xda" + block * (BOMB_BYTES // len(chunk)) + packer.flush() + checksum.to_bytes(4, "big")
    page = _stream(b"/Filter [/FlateDecode /FlateDecode]", zlib.compress(packed, 9))
    return _assembled([*_one_page(b"<< >>"), page])


def with_hyphens_as_nul(lines: Sequence[str]) -> bytes:
    """ASCII lines, in a PDF whose font says that its hyphen is the character NUL, as Stripe's do."""
    shown = b"\n".join(b"(%b) Tj T*" % line.encode() for line in lines)
    content = b"BT /F 11 Tf 14 TL 50 780 Td\n%b\nET" % shown
    mapping = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        b"2 beginbfrange <20> <2c> <0020> <2e> <7e> <002e> endbfrange\n"
        b"1 beginbfchar <2d> <0000> endbfchar\n"
        b"endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>"
    return one_page(content, font, _stream(b"", mapping))


def _line(pdf: FPDF, text: str, right_to_left: bool) -> None:
    align = "R" if right_to_left else "L"
    pdf.cell(0, 7, visual(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _row(pdf: FPDF, row: Sequence[str], right_to_left: bool) -> None:
    cells = list(reversed(row)) if right_to_left else row
    for cell in cells:
        pdf.cell(pdf.epw / len(row), 6, visual(cell), align="R" if right_to_left else "L")
    pdf.ln(6)


def visual(text: str) -> str:
    """`text` as it is drawn from left to right: Hebrew runs backwards."""
    return BidiParagraph(text).get_reordered_string() if not text.isascii() else text


def one_page(content: bytes, font: bytes, *more: bytes) -> bytes:
    """A PDF of one page that draws `content` with the font F; `more` are the objects from number 6 on."""
    return _assembled([*_one_page(b"<< /Font << /F 5 0 R >> >>"), _stream(b"", content), font, *more])


def stream_of(body: bytes) -> bytes:
    return _stream(b"", body)


def _one_page(resources: bytes) -> list[bytes]:
    """Catalogue, pages and the page; its content is object 4."""
    return [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources " + resources + b" >>",
    ]


def _stream(entries: bytes, body: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries, len(body), body)


def _assembled(objects: Sequence[bytes]) -> bytes:
    """A PDF file of these objects, numbered from 1; the first is the catalogue."""
    file = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(file))
    )


def plain_number(amount: Decimal) -> str:
    """1234.5 is "1,234.50"."""
    return f"{amount:,.2f}"


def continental_number(amount: Decimal) -> str:
    """1234.5 is "1.234,50"."""
    return plain_number(amount).translate(str.maketrans(",.", ".,"))


def long_date(day: date) -> str:
    """March 3, 2024."""
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def hebrew_date(day: date) -> str:
    """The third of March 2024, in Hebrew."""
    return f"{day.day} ב{HEBREW_MONTHS[day.month - 1]} {day.year}"


# Not strftime: it speaks the machine's language.
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
HEBREW_MONTHS: Final = (
    *("ינואר", "פברואר", "מרץ", "אפריל", "מאי", "יוני"),
    *("יולי", "אוגוסט", "ספטמבר", "אוקטובר", "נובמבר", "דצמבר"),
)

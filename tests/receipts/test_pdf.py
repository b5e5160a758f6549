"""The text of PDFs: lines as they are read, Hebrew in reading order, and nothing where fonts can't be decoded."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable
from pathlib import Path
from signal import Signals

import font_amatic_sc
import pytest
from fpdf import FPDF
from pypdfium2 import PdfDocument

from demo.mailboxes.papers import one_page, stream_of, visual
from receipts.pdf.hebrew import to_logical_order
from receipts.pdf.reader import PdfReader
from runs.exceptions import ItemFailed

CORPUS = Path(__file__).parent.parent / "corpus"

TITLE = "חשבונית מס קבלה על תשלום עבור שירותים שניתנו בחודש מאי"
HEBREW = (
    "חשבונית מס (מקור) 3A-778",
    'מע"מ (18%) על סך ₪1,200.00',
    "מספר הזמנה: 65f1a2b3c4d5 רשת 5G, טלפון 03-5551234",
    'דוא"ל: dana.levi+1@b-co.test תאריך: 12/05/2024 עד 2024-06-01',
    "אסמכתא 42A5DE55-0071 עבור Kolman Trading Ltd. 2024",
    '100 ש"ח עבור 5 יחידות ב-20 ש"ח, סה"כ לתשלום: 1,404.20 ₪',
    'סה"כ זיכוי: -479.50 ₪',
    'סה"כ זיכוי: (479.50)',
    "לכבוד: Kolman Trading Ltd",
    "הנחה 10%-50%",
    'סה"כ USD 1,250.00',
    "טלפון +972-3-5551234",
    "10.04.2024 - 12.04.2024 תקופה",
    "קבלה מס' A-2291/24, רחוב הרצל 5-ב",
)


@pytest.mark.parametrize("line", HEBREW)
def test_hebrew_is_in_reading_order_with_its_numbers_intact(line: str) -> None:
    assert to_logical_order(f"{visual(TITLE)}\n{visual(line)}") == f"{TITLE}\n{line}"


def test_hebrew_in_a_latin_line_is_reversed_and_the_line_is_not() -> None:
    drawn = 'Invoice\nVendor: מ"עב 24 םי לג, Haifa (Israel) - paid\nThank you for your business'
    assert (
        to_logical_order(drawn) == 'Invoice\nVendor: גל ים 24 בע"מ, Haifa (Israel) - paid\nThank you for your business'
    )


def test_columns_of_hebrew_change_places_and_their_latin_does_not() -> None:
    drawn = f"{visual(TITLE)}\n500.00  Kolman Ltd  דובכל"
    assert to_logical_order(drawn) == f"{TITLE}\nלכבוד  Kolman Ltd  500.00"


def one_by_one(order: Callable[[str], str]) -> bytes:
    """A PDF of a line whose characters are drawn each at its place, in any order."""
    pdf = FPDF()
    pdf.add_font("hebrew", fname=font_amatic_sc.AmaticSC)
    pdf.add_page()
    pdf.set_font("hebrew", size=12)
    drawn = visual("קבלה 3A-778 על סך 479.50")
    for place in order("".join(map(chr, range(len(drawn))))):
        x = 20 + pdf.get_string_width(drawn[: ord(place)])
        pdf.text(x, 40, drawn[ord(place)])
    return bytes(pdf.output())


@pytest.mark.parametrize("order", [lambda places: places, lambda places: places[::-1]], ids=["visual", "logical"])
def test_the_order_of_drawing_does_not_count(order: Callable[[str], str]) -> None:
    assert PdfReader().read(one_by_one(order)).text == "קבלה 3A-778 על סך 479.50"


def test_text_side_by_side_is_one_line_though_it_was_drawn_by_columns() -> None:
    lines = PdfReader().read((CORPUS / "reportlab-usd.pdf").read_bytes()).text.split("\n")
    assert {"Invoice No. MF-88213", "Date 04/26/2024", "Total USD 3,310.75"} <= set(lines)


def shown(text: bytes, font: bytes, *more: bytes, turned: bytes = b"1 0 0 1 50 700") -> bytes:
    return one_page(b"BT /F 11 Tf %b Tm %b Tj ET" % (turned, text), font, *more)


HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
# A font that only numbers its glyphs: their characters are unknown.
SHAPES = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /None /Encoding /Identity-H /DescendantFonts [<< /Type /Font"
    b" /Subtype /CIDFontType2 /BaseFont /None /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    b" /DW 500 >>] >>"
)
PRIVATE = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
    b"1 begincodespacerange <00> <ff> endcodespacerange\n%d beginbfchar %b endbfchar\n"
    b"endcmap CMapName currentdict /CMap defineresource pop end end"
)


@pytest.mark.parametrize("turned", [b"0 1 -1 0 300 100", b"-1 0 0 -1 400 700", b"0 -1 1 0 300 700"])
def test_a_rotated_page_is_read_upright(turned: bytes) -> None:
    assert PdfReader().read(shown(b"(Total due: $5.00)", HELVETICA, turned=turned)).text == "Total due: $5.00"


def test_text_in_undecodable_fonts_is_left_out() -> None:
    assert PdfReader().read(shown(b"<0037005200570044004f0003001500130013>", SHAPES)).text == ""


@pytest.mark.parametrize(("undecoded", "text"), [(b"3", "Total \ufffd USD"), (b"$", "Total \ufffd1,354.00 USD")])
def test_a_number_with_an_undecodable_character_is_no_number(undecoded: bytes, text: str) -> None:
    others = b"".join(b"<%02x> <%04x> " % (code, code) for code in range(0x20, 0x7F) if code != undecoded[0])
    mapping = PRIVATE % (95, others + b"<%02x> <e001>" % undecoded[0])
    font = HELVETICA.replace(b">>", b"/ToUnicode 6 0 R >>")
    assert PdfReader().read(shown(b"(Total $1,354.00 USD)", font, stream_of(mapping))).text == text


def test_the_hyphen_at_the_end_of_a_line_stays() -> None:
    text = b"(INV-) Tj 1 0 0 1 50 686 Tm (Second line)"
    assert PdfReader().read(shown(text, HELVETICA)).text == "INV-\nSecond line"


def test_leader_dots_are_no_text() -> None:
    text = b"(Invoice date) Tj 1 0 0 1 50 700 Tm (....................) Tj 1 0 0 1 150 700 Tm (Oct 31, 2023...)"
    assert PdfReader().read(shown(text, HELVETICA)).text == "Invoice date Oct 31, 2023..."


class Ended(PdfReader):
    """Ends as pdfium does: by its clock, without memory, or with a crash."""

    by: Signals

    def _text(self, document: PdfDocument) -> str:
        faulthandler.disable()  # the traceback is no news
        os.kill(os.getpid(), self.by)
        return ""


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("by", "code"),
    [(signal.SIGVTALRM, "timeout"), (signal.SIGABRT, "too_complex"), (signal.SIGSEGV, "unreadable")],
)
def test_a_pdf_that_kills_its_process_fails_alone(by: Signals, code: str) -> None:
    reader = Ended(is_apart=True)
    reader.by = by
    with pytest.raises(ItemFailed) as raised:
        reader.read((CORPUS / "reportlab-usd.pdf").read_bytes())
    assert raised.value.code == f"pdf_{code}"
    assert PdfReader(is_apart=True).read((CORPUS / "reportlab-usd.pdf").read_bytes()).text

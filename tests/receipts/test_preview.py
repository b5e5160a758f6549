"""A stranger's document is drawn for its reader, within limits; its own bytes are never shown."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image
from playwright.sync_api import expect

from demo.mailboxes.papers import Paper, drawn, locked
from receipts.models import Receipt
from receipts.preview.child import answer_request
from receipts.preview.drawing import LONGEST_SIDE, MAX_PIXELS
from receipts.preview.frames import COUNT, MAX_PAGES, DocumentKind, write_request
from receipts.preview.preview import AT_ONCE
from runs.models import Business
from tests.browser import SOON, Open

PDF = drawn(Paper("Acme Ltd", ["Invoice number: AB-77"], [], [("Total due:", "$120.50")]))
BOOK = drawn(Paper("Acme Ltd", [f"Line {n}" for n in range(900)], [], []))
SECRET = b"<script>alert(1)</script>"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 60), mode: str = "RGB") -> bytes:
    file = BytesIO()
    image = Image.new(mode, size)
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 6  # rotated by a quarter
    image.save(file, kind, exif=exif)
    return file.getvalue()


def bomb() -> bytes:
    """A small file of a picture that would fill the memory."""
    file = BytesIO()
    Image.new("1", (MAX_PIXELS // 6_000 + 1, 6_000)).save(file, "PNG")
    return file.getvalue()


def draw_page(kind: DocumentKind, page: int, content: bytes) -> bytes:
    return answer_request(write_request(kind, page, content))


@pytest.mark.parametrize(
    ("kind", "content", "count"),
    [(DocumentKind.PDF, PDF, 1), (DocumentKind.PDF, BOOK, MAX_PAGES), (DocumentKind.PICTURE, picture(), 1)],
)
def test_pages_are_counted_and_no_more_of_them_drawn(kind: DocumentKind, content: bytes, count: int) -> None:
    assert draw_page(kind, COUNT, content) == str(count).encode()
    assert draw_page(kind, count + 1, content) == b""


@pytest.mark.parametrize(
    "content",
    [b"", b"x", PDF[:500], locked(), bomb(), picture()[:60], b"%PDF-1.4\n" + b"1 0 obj<<" * 1_000, SECRET],
)
@pytest.mark.parametrize("kind", [DocumentKind.PDF, DocumentKind.PICTURE])
def test_an_undrawable_document_has_no_pages(kind: DocumentKind, content: bytes) -> None:
    assert draw_page(kind, COUNT, content) == draw_page(kind, 1, content) == b""


def test_a_pdf_is_drawn_as_large_as_it_can_be_read() -> None:
    image = Image.open(BytesIO(draw_page(DocumentKind.PDF, 1, PDF)))
    assert (image.format, max(image.size)) == ("PNG", LONGEST_SIDE)
    assert len(image.convert("L").getcolors() or []) > 2, "there is something on the paper"


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("TIFF", "L")])
def test_a_picture_is_redrawn_upright_and_without_its_metadata(kind: str, mode: str) -> None:
    drawn_anew = draw_page(DocumentKind.PICTURE, 1, picture(kind, (4_000, 100), mode))
    assert SECRET not in drawn_anew
    image = Image.open(BytesIO(drawn_anew))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (40, LONGEST_SIDE))


def test_html_becomes_its_text() -> None:
    html = "<title>קבלה</title><table><tr><td>Total</td><td>5</td></tr></table>\0<p hidden>  x"
    assert draw_page(DocumentKind.HTML, COUNT, html.encode()).decode().split("\n") == ["קבלה", "Total 5", "x"]


def test_html_is_decoded_as_its_mail_or_the_page_declares() -> None:
    page = "Total 5 €".encode("iso-8859-15")
    assert answer_request(write_request(DocumentKind.HTML, COUNT, page, "iso8859-15")).decode() == "Total 5 €"
    assert draw_page(DocumentKind.HTML, COUNT, b"<meta charset=iso-8859-15>" + page).decode() == "Total 5 €"


def test_an_e_invoice_becomes_a_line_for_each_element() -> None:
    xml = b'<u:Invoice xmlns:u="urn:u"><u:ID>7</u:ID><u:Party><u:Name>A &amp;\n B</u:Name></u:Party></u:Invoice>'
    assert draw_page(DocumentKind.XML, COUNT, xml).decode().split("\n") == [
        "Invoice",
        "  ID: 7",
        "  Party",
        "    Name: A & B",
    ]
    assert draw_page(DocumentKind.XML, COUNT, b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>") == b""
    deep = draw_page(DocumentKind.XML, COUNT, b"<a>" * 100_000 + b"x" * 9_999 + b"</a>" * 100_000)
    assert len(deep) < 200_000


# In the process of its own, on the page


@pytest.fixture
def as_a(client: Client, member_a: User) -> Client:
    client.force_login(member_a)
    return client


def with_file(business: Business, content: bytes, content_type: str) -> Receipt:
    receipt = Receipt.objects.create(business=business, message_id="<1@x>", content_type=content_type)
    receipt.file.save("x", ContentFile(content))
    return receipt


def test_the_page_shows_the_drawn_picture(as_a: Client, business_a: Business) -> None:
    address = f"/b/business-a/receipts/{with_file(business_a, PDF, 'application/pdf').pk}/"
    html = as_a.get(address).content.decode()
    assert f'src="{address}pages/1/"' in html
    assert f"{address}pages/2/" not in html
    image = as_a.get(f"{address}pages/1/")
    assert image.content.startswith(b"\x89PNG")
    assert (image.headers["Content-Type"], image.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert "no-store" in image.headers["Cache-Control"]
    for page in (0, 2, MAX_PAGES + 1, 10**30):
        assert as_a.get(f"{address}pages/{page}/").status_code == 404


def test_html_is_shown_on_the_page_as_text(as_a: Client, business_a: Business) -> None:
    page = "<p>&lt;script&gt;alert(1)&lt;/script&gt; Total 5 €</p>".encode("iso-8859-15")
    receipt = with_file(business_a, page, "text/html; charset=iso8859-15")
    html = as_a.get(f"/b/business-a/receipts/{receipt.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Total 5 €" in html
    assert as_a.get(f"/b/business-a/receipts/{receipt.pk}/pages/1/").status_code == 404


def test_an_e_invoice_is_shown_on_the_page_as_text(as_a: Client, business_a: Business) -> None:
    receipt = with_file(business_a, b"<Invoice><Note>&lt;b&gt; 5</Note></Invoice>", "application/xml")
    assert "Note: &lt;b&gt; 5" in as_a.get(f"/b/business-a/receipts/{receipt.pk}/").content.decode()


def test_a_document_that_cannot_be_shown_can_be_downloaded(as_a: Client, business_a: Business) -> None:
    receipt = with_file(business_a, SECRET, "application/pdf")
    html = as_a.get(f"/b/business-a/receipts/{receipt.pk}/").content.decode()
    assert "can't be shown here" in html
    assert f'href="/api/receipts/{receipt.pk}/file/"' in html
    receipt.file.storage.delete(str(receipt.file.name))
    assert as_a.get(f"/b/business-a/receipts/{receipt.pk}/").status_code == 200


# Others at the same time, and again and again


@pytest.fixture
def empty_cache() -> None:
    caches["previews"].clear()


def test_nobody_waits_for_documents_of_others(
    as_a: Client, business_a: Business, member_a: User, empty_cache: None
) -> None:
    address = f"/b/business-a/receipts/{with_file(business_a, PDF, 'application/pdf').pk}/"
    with AT_ONCE, AT_ONCE:
        page, image = as_a.get(address), as_a.get(f"{address}pages/1/")
    assert (page.status_code, "Other documents are being drawn." in page.content.decode()) == (200, True)
    assert (image.status_code, image.headers["Retry-After"]) == (503, "2")
    assert "no-store" in image.headers["Cache-Control"]
    assert "Other documents are being drawn." not in as_a.get(address).content.decode()
    assert as_a.get(f"{address}pages/1/").status_code == 200


@pytest.mark.parametrize(("content", "status"), [(PDF, 200), (SECRET, 404)])
def test_what_was_drawn_once_is_remembered_and_that_nothing_can_be(
    as_a: Client, business_a: Business, empty_cache: None, content: bytes, status: int
) -> None:
    address = f"/b/business-a/receipts/{with_file(business_a, content, 'application/pdf').pk}/"
    addresses = (address, f"{address}pages/1/")
    first = [as_a.get(each) for each in addresses]
    with AT_ONCE, AT_ONCE:
        again = [as_a.get(each) for each in addresses]
    assert [each.status_code for each in again] == [each.status_code for each in first] == [200, status]
    assert again[1].content == first[1].content
    assert "Other documents" not in again[0].content.decode()


def test_an_image_that_is_too_large_is_not_remembered(
    as_a: Client, business_a: Business, empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receipts.preview.preview.MAX_CACHED_BYTES", 1_000)
    address = f"/b/business-a/receipts/{with_file(business_a, PDF, 'application/pdf').pk}/pages/1/"
    assert as_a.get(address).status_code == 200
    with AT_ONCE, AT_ONCE:
        assert as_a.get(address).status_code == 503


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_counted", [False, True])
def test_the_page_shows_the_document_once_others_are_drawn(
    open_page: Open, client: Client, business_a: Business, empty_cache: None, is_counted: bool
) -> None:
    path = f"/b/business-a/receipts/{with_file(business_a, PDF, 'application/pdf').pk}/"
    if is_counted:
        client.get(path)
    with AT_ONCE, AT_ONCE:
        page = open_page(path=path)
        page.locator("[name=vendor]").fill("Typed meanwhile")
        expect(page.get_by_text("Other documents are being drawn.")).to_have_count(0 if is_counted else 1)
        page.wait_for_load_state()
    expect(page.locator(".document img")).to_have_js_property("naturalHeight", LONGEST_SIDE, timeout=SOON)
    expect(page.locator("[name=vendor]")).to_have_value("Typed meanwhile")

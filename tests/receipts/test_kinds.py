"""Which mail is a receipt, which only mentions one, and which a person must review."""

from __future__ import annotations

import struct

import pytest

from demo.mailboxes.mime import attachment, mail, multipart, text
from receipts.extraction.scan import EXTRACTOR_VERSION, Finding, scan
from receipts.message.message import Contents
from receipts.review_reasons import MESSAGES, ReviewReason

SHOP = "Acme Ltd <billing@acme.test>"
PERSON = "Dana Levi <dana.levi@gmail.com>"


def letter(subject: str, body: str = "", *files: bytes, sender: str = SHOP, **headers: str) -> bytes:
    lines = [
        ("From", sender),
        ("To", "office@demo.test"),
        ("Subject", subject),
        ("Date", "Tue, 05 Mar 2024 10:00 +0000"),
    ]
    parts = [text(body), *files]
    return mail([*lines, *headers.items()], multipart(parts) if files else parts[0])


def findings(raw: bytes, pdf_text: str = "") -> list[Finding]:
    return [finding for _document, finding in scan(raw, read_pdf=lambda content: Contents(pdf_text)).findings]


def pdf(name: str) -> bytes:
    return attachment(b"%PDF-1.4 " + name.encode(), name, "application/pdf")


def jpeg(name: str, width: int = 1200, height: int = 1600) -> bytes:
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(10)
    return attachment(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(10) + frame + b"\xff\xd9", name, "image/jpeg")


def png(name: str, width: int, height: int) -> bytes:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return attachment(head + bytes(200), name, "image/png")


INVOICE = "Acme Ltd\nInvoice 70211\nInvoice date: 2024-03-04\nTotal due: $479.50\n"

NO_RECEIPTS = {
    "a failed payment": ("Your payment failed", "We could not process your payment of $20.00 for invoice 4711."),
    "a declined card": ("Action needed: card declined", "Invoice 4711. Amount due: $20.00"),
    "a failed payment in the text": ("Your invoice 4711", "Your card was declined. Invoice 4711. Amount due: $20.00"),
    "a reminder": ("Payment reminder: invoice 4711", "Invoice 4711 is still open. Amount due: $20.00"),
    "an overdue invoice": ("Invoice 4711 is overdue", "Amount due: $20.00"),
    "thanks for an invoice": ("We received your invoice 4711", "Thank you. Invoice 4711, total: $20.00"),
    "thanks in the text": ("Invoice 4711", "We have received your invoice 4711. Total: $20.00"),
    "a quote": ("Quote 4711", "Your quote, not an invoice.\nTotal: $20.00"),
    "a proforma": ("Proforma invoice 4711", "Total: $20.00"),
    "a reply that quotes a total": (
        "Re: Invoice 4711",
        "Thanks, will do!\n\nOn 1 March 2024 Acme wrote:\n> Invoice 4711\n> Total: $20.00",
    ),
    "a reply that quotes without a mark": (
        "RE: Invoice 4711",
        "Got it.\n\n-----Original Message-----\nInvoice 4711\nTotal: $20.00",
    ),
    "a reply of Outlook's": (
        "RE: Invoice 4711",
        "Got it.\n\nFrom: Acme\nSent: Monday\nTo: Us\nSubject: Invoice 4711\n\nInvoice 4711\nTotal: $20.00",
    ),
    "Hebrew: a failed payment": ("התשלום נכשל", 'חשבונית 4711\nסה"כ לתשלום: 20.00 ₪'),
    "Hebrew: a reminder": ("תזכורת לתשלום חשבונית 4711", 'סה"כ לתשלום: 20.00 ₪'),
    "Hebrew: thanks for an invoice": ("חשבונית 4711", 'קיבלנו את החשבונית שלך. סה"כ: 20.00 ₪'),
    "Hebrew: a quote": ("הצעת מחיר 4711", 'סה"כ: 20.00 ₪. חשבונית תישלח בהמשך.'),
    "Hebrew: a reply": ("השב: חשבונית 4711", 'תודה!\n\nבתאריך 1 במרץ 2024, אקמה כתב:\n> חשבונית 4711\n> סה"כ: 20.00 ₪'),
    "German: a reminder": ("Zahlungserinnerung Rechnung 4711", "Gesamtbetrag: 20,00 €"),
    "German: a failed payment": ("Ihre Rechnung 4711", "Die Zahlung ist fehlgeschlagen. Gesamtbetrag: 20,00 €"),
    "German: thanks for an invoice": ("Rechnung 4711", "Wir haben Ihre Rechnung erhalten. Gesamtbetrag: 20,00 €"),
    "German: a quote": ("Angebot 4711", "Gesamtbetrag: 20,00 €. Die Rechnung folgt."),
    "French: a reminder": ("Relance : facture 4711 impayée", "Total TTC : 20,00 €"),
    "French: a failed payment": ("Échec du paiement de votre facture 4711", "Total TTC : 20,00 €"),
    "French: thanks for an invoice": ("Facture 4711", "Nous avons bien reçu votre facture. Total TTC : 20,00 €"),
    "French: a quote": ("Devis 4711", "Total TTC : 20,00 €. Facture après travaux."),
    "Spanish: a reminder": ("Recordatorio de pago: factura 4711", "Total a pagar: 20,00 €"),
    "Spanish: a failed payment": ("Factura 4711", "El pago ha fallado. Total a pagar: 20,00 €"),
    "Spanish: thanks for an invoice": ("Factura 4711", "Hemos recibido su factura. Total a pagar: 20,00 €"),
    "Spanish: a quote": ("Presupuesto 4711", "Total a pagar: 20,00 €. Sin factura."),
    "Italian: a reminder": ("Sollecito di pagamento fattura 4711", "Totale fattura: 20,00 €"),
    "Italian: a failed payment": ("Fattura 4711", "Pagamento non riuscito. Totale fattura: 20,00 €"),
    "Italian: thanks for an invoice": ("Fattura 4711", "Abbiamo ricevuto la vostra fattura. Totale fattura: 20,00 €"),
    "Italian: a quote": ("Preventivo 4711", "Totale fattura: 20,00 €"),
    "Dutch: a reminder": ("Herinnering: factuur 4711", "Totaal te betalen: € 20,00"),
    "Dutch: a failed payment": ("Factuur 4711", "Je betaling is mislukt. Totaal te betalen: € 20,00"),
    "Dutch: thanks for an invoice": ("Factuur 4711", "Wij hebben uw factuur ontvangen. Totaal te betalen: € 20,00"),
    "Dutch: a quote": ("Offerte 4711", "Totaal te betalen: € 20,00. Factuur volgt."),
}


@pytest.mark.parametrize("case", NO_RECEIPTS)
def test_mail_that_only_mentions_receipts_is_no_receipt(case: str) -> None:
    assert findings(letter(*NO_RECEIPTS[case])) == []


@pytest.mark.parametrize(
    "title", ["QUOTE 4711", "Angebot 4711", "Devis n° 4711", "הצעת מחיר 4711", "Mahnung", "Payment reminder"]
)
def test_a_document_with_another_title_is_no_receipt(title: str) -> None:
    page = f"Acme Ltd\n{title}\nDate: 2024-03-04\nTotal: 479.50 EUR\nAn invoice will follow."
    assert findings(letter("Documents", "See below.", pdf("4711.pdf")), page) == []


def test_a_reminder_that_lists_invoices_is_no_receipt() -> None:
    page = "Acme GmbH\nMahnung\nDatum: 30.04.2024\nRechnung RE-0192 vom 15.03.2024 20,00 €\nGesamtbetrag 20,00 €"
    assert findings(letter("Documents", "See below.", pdf("4711.pdf")), page) == []


def test_an_invoice_attached_to_a_reminder_is_reviewed() -> None:
    [finding] = findings(letter("Reminder: invoice 70211", "Still open.", pdf("a.pdf")), INVOICE)
    assert (str(finding.amount), finding.review_reasons) == ("479.50", ("not_certain_receipt",))


MOVED = {
    "PayPal": (
        "You sent a payment of $25.00 USD to Acme Ltd",
        "Transaction ID: 8AB12345CD678901E\nTransaction date: Mar 4, 2024\nTotal $25.00 USD",
        "service@paypal.com",
        "25.00 USD",
    ),
    "PayPal's receipt": (
        "Receipt for Your Payment to Acme Ltd",
        "Mar 4, 2024\nTransaction ID: 8AB12345CD678901E\nYou paid $25.00 USD to Acme Ltd",
        "service@paypal.com",
        "25.00 USD",
    ),
    "PayPal in German": (
        "Sie haben eine Zahlung an Acme GmbH gesendet",
        "Zahlung an Acme GmbH\nTransaktionsdatum: 4. März 2024\nBetrag 25,00 EUR",
        "service@paypal.de",
        "25.00 EUR",
    ),
    "a renewal": (
        "Your subscription has been renewed",
        "Your plan was renewed on March 4, 2024. We charged $12.99 to your card.",
        "Acme <hello@acme.test>",
        "12.99 USD",
    ),
    "a renewal, from a list": (
        "Renewal notice",
        "Your subscription renewed today. Total charged: $12.99",
        "Acme <hello@acme.test>",
        "12.99 USD",
    ),
    "a renewal in Hebrew": (
        "המנוי שלך חודש",
        "המנוי חודש בתאריך 4/3/2024. חויבת בסך 49.90 ₪",
        "Acme <hello@acme.test>",
        "49.90 ILS",
    ),
}


@pytest.mark.parametrize("case", MOVED)
def test_mail_that_reports_a_payment_is_a_receipt(case: str) -> None:
    subject, body, sender, paid = MOVED[case]
    bulk = {"List-Unsubscribe": "<mailto:leave@acme.test>"} if "list" in case else {}
    [finding] = findings(letter(subject, body, sender=sender, **bulk))
    assert f"{finding.amount} {finding.currency}" == paid


@pytest.mark.parametrize(
    ("subject", "more"),
    [
        ("Invoice 70211", "\n" * 3 + "Thank you.\n" * 20 + "If your card was declined, update your payment method."),
        ("Invoice 70211 for estimate 88", ""),
        ("Your receipt and an offer", ""),
    ],
)
def test_a_receipt_may_mention_quotes_and_failures(subject: str, more: str) -> None:
    [finding] = findings(letter(subject, INVOICE + more))
    assert (str(finding.amount), finding.needs_review) == ("479.50", False)


def test_mail_from_people_about_payments_is_no_receipt() -> None:
    assert findings(letter("Dinner", "The payment to the cook is done. Total: $500.00", sender=PERSON)) == []


def test_a_payment_service_is_not_the_vendor() -> None:
    subject, body, sender, _paid = MOVED["PayPal"]
    [finding] = findings(letter(subject, body, sender=f"PayPal <{sender}>"))
    assert finding.vendor == "Acme Ltd"


@pytest.mark.parametrize(
    ("case", "file", "reasons"),
    [
        ("a PDF without text", pdf("document.pdf"), ("unread_document", "not_certain_receipt")),
        ("a scan with a neutral name", pdf("scan0001.pdf"), ("unread_document", "not_certain_receipt")),
        ("a photograph", jpeg("IMG_1234.jpg"), ("picture", "not_certain_receipt")),
        ("a photograph named as a receipt", jpeg("receipt.jpg"), ("picture",)),
        ("a long till receipt", jpeg("IMG_1234.jpg", 600, 2600), ("picture", "not_certain_receipt")),
        (
            "a picture of WhatsApp",
            jpeg("WhatsApp Image 2024-03-04 at 10.00.00.jpeg"),
            ("picture", "not_certain_receipt"),
        ),
    ],
)
def test_unreadable_documents_are_reviewed_and_never_dropped(case: str, file: bytes, reasons: tuple[str, ...]) -> None:
    [finding] = findings(letter("For the bookkeeper", "See below.", file, sender=PERSON))
    assert finding.review_reasons[: len(reasons)] == reasons
    assert finding.needs_review
    assert finding.confidence <= 0.5


@pytest.mark.parametrize(
    "undecoded",
    [
        "(cid:12)(cid:7)(cid:81) (cid:4)\n" * 40 + "Page 1",
        "\ufffd\ufffd\ufffd \ue001\ue002\ue003\n" * 40,
        ",QYRLFH 1R 7RWDO GXH :HVW )ULHQGO\\ $YHQXH 6XLWH + *UHHQVERUR 'DWH 4XDQWLW\\ 'HVFULSWLRQ\n" * 10,
        "#$%%$ $! (|'!'! '$} $$ $$ !\" #$ )*++,-./.01($23 $14 3\n" * 10,
    ],
)
def test_a_pdf_whose_fonts_cannot_be_decoded_is_unread(undecoded: str) -> None:
    [finding] = findings(letter("Your documents", "See below.", pdf("document.pdf")), undecoded)
    assert "unread_document" in finding.review_reasons


@pytest.mark.parametrize(
    "file",
    [
        png("logo.png", 800, 800),
        png("image001.png", 120, 60),
        png("banner-large.png", 1400, 200),
        png("8f3a.png", 96, 96),
        jpeg("signature.jpg"),
        png("facebook.png", 400, 400),
    ],
)
def test_a_logo_is_no_receipt(file: bytes) -> None:
    assert findings(letter("Invoices", "See you tomorrow.", file, sender=PERSON)) == []
    [finding] = findings(letter("Your invoice", "See below.", pdf("a.pdf"), file), INVOICE)
    assert str(finding.amount) == "479.50"


@pytest.mark.parametrize("declared", [b"Content-Type: PDF\r\n", b"Content-Type: text/plain; name=a.pdf\r\n", b""])
def test_an_invoice_is_found_whatever_type_is_declared(declared: bytes) -> None:
    file = pdf("a.pdf").replace(b"Content-Type: application/pdf\r\n", declared)
    [finding] = findings(letter("Documents", "See below.", file), INVOICE)
    assert str(finding.amount) == "479.50"


@pytest.mark.parametrize(
    ("html", "file", "count"),
    [
        ('<a href="cid:1">', pdf("a.pdf"), 1),
        ('<object type="application/x-apple-msg-attachment" data="cid:1">', pdf("a.pdf"), 1),
        ('<img src="cid:1">', jpeg("IMG_1234.jpg"), 0),
        ('<img src="cid:10">', jpeg("IMG_1234.jpg"), 1),
    ],
)
def test_only_pictures_are_left_out_as_shown_inside_the_text(html: str, file: bytes, count: int) -> None:
    raw = letter("For the bookkeeper", "", text(html, kind="html"), b"Content-ID: <1>\r\n" + file, sender=PERSON)
    assert len(findings(raw, INVOICE)) == count


def test_pictures_of_a_shop_or_a_list_are_no_receipts() -> None:
    assert findings(letter("Spring sale", "Look!", jpeg("IMG_1.jpg"), **{"List-Id": "<sale.acme.test>"})) == []
    assert findings(letter("Hello", "Look!", jpeg("IMG_1.jpg"), sender="no-reply@acme.test")) == []


def test_the_mail_never_makes_an_unread_document_sure() -> None:
    """999.00 USD from a mail's text stood beside a picture of an invoice, with confidence 1.00."""
    body = "Your invoice 4711 of 2024-03-04.\nTotal due: $999.00"
    [finding] = findings(letter("Invoice 4711", body, pdf("invoice.pdf")))
    assert str(finding.amount) == "999.00"
    assert "unread_document" in finding.review_reasons
    assert finding.confidence <= 0.5


@pytest.mark.parametrize("body", ["Total due: $500.00", "Total due: 479.50 EUR"])
def test_a_document_that_disagrees_with_its_mail_is_reviewed(body: str) -> None:
    [finding] = findings(letter("Invoice 70211", body, pdf("invoice.pdf")), INVOICE)
    assert finding.review_reasons == ("disagrees_with_mail",)
    assert (str(finding.amount), finding.currency) == ("479.50", "USD")


def test_a_document_that_agrees_with_its_mail_is_sure() -> None:
    [finding] = findings(letter("Invoice 70211", "Total due: $479.50", pdf("invoice.pdf")), INVOICE)
    assert (finding.review_reasons, finding.needs_review) == ((), False)


def test_an_amount_from_the_mail_alone_is_reviewed() -> None:
    page = "Acme Ltd\nInvoice 70211\nInvoice date: 2024-03-04\nThe sum is in the mail."
    [finding] = findings(letter("Invoice 70211", "Total due: $479.50", pdf("invoice.pdf")), page)
    assert (str(finding.amount), finding.review_reasons) == ("479.50", ("taken_from_mail",))


@pytest.mark.parametrize(
    ("subject", "page"),
    [
        ("Documents", INVOICE.replace("Invoice 70211", "CREDIT NOTE 70211")),
        ("Your refund from Acme", INVOICE.replace("Invoice 70211", "Receipt 70211")),
        ("Documents", INVOICE.replace("$479.50", "-$479.50")),
        ("Documents", INVOICE.replace("$479.50", "($479.50)")),
        ("Documents", 'אקמה בע"מ\nחשבונית מס זיכוי 70211\nתאריך: 04/03/2024\nסה"כ: $479.50'),
        ("Documents", "Acme GmbH\nRechnungskorrektur 70211\nDatum: 04.03.2024\nGesamtbetrag: $479.50"),
        ("Documents", "Acme SARL\nAvoir n° 70211\nDate : 04/03/2024\nTotal TTC : 479,50 $"),
    ],
)
def test_a_refund_is_negative_and_marked_as_one(subject: str, page: str) -> None:
    [finding] = findings(letter(subject, "See below.", pdf("a.pdf")), page)
    assert (str(finding.amount), finding.is_refund) == ("-479.50", True)


def test_a_refund_without_a_document_is_negative_too() -> None:
    body = "Refund date: March 4, 2024\nYou received a refund of $20.00 USD from Acme Ltd.\nTransaction ID: 8AB12345CD"
    [finding] = findings(letter("Refund from Acme Ltd", body, sender="PayPal <service@paypal.com>"))
    assert (str(finding.amount), finding.is_refund, finding.vendor) == ("-20.00", True, "Acme Ltd")


def test_an_empty_page_is_no_receipt() -> None:
    page = attachment(b"<html><body><br></body></html>", "ATT00001.htm", "text/html")
    assert findings(letter("Documents", "See you.", page, sender=PERSON)) == []


@pytest.mark.parametrize(
    "beginning",
    [
        "\ufeff<!DOCTYPE html>",
        "<HTML>",
        '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
        "<head>",
        '<meta charset="utf-8">',
        "Printed on 2024-03-04<table><tr><td>",
    ],
)
@pytest.mark.parametrize(
    ("name", "declared"),
    [("a", "text/html"), ("a.xhtml", "application/xhtml+xml"), ("a.HTM", "application/octet-stream")],
)
def test_html_may_begin_in_many_ways(beginning: str, name: str, declared: str) -> None:
    file = attachment((beginning + INVOICE.replace("\n", "<br>")).encode(), name, declared)
    [finding] = findings(letter("Documents", "See below.", file))
    assert str(finding.amount) == "479.50"


@pytest.mark.parametrize(
    ("declared", "meta", "written_in"),
    [
        ("iso-8859-15", "", "iso-8859-15"),
        ("us-ascii", '<meta charset="iso-8859-15">', "iso-8859-15"),
        ("x-klingon", '<META http-equiv="Content-Type" content="text/html; charset=iso-8859-15">', "iso-8859-15"),
        ("iso-8859-1", "", "utf-8"),
        ("", '<meta charset="utf-16">', "cp1255"),
        ("utf-16", "", "utf-16"),
    ],
)
def test_html_is_read_in_the_charset_that_its_mail_or_the_page_declares(
    declared: str, meta: str, written_in: str
) -> None:
    page = f"<!doctype html>{meta}Acme Ltd<br>Facture n° 4711<br>Date : 04/03/2024<br>Total TTC : 100,00 €"
    file = attachment(page.encode(written_in), "facture.html", f"text/html; charset={declared}")
    [finding] = findings(letter("Documents", "See below.", file))
    assert (str(finding.amount), finding.currency) == ("100.00", "EUR")


def test_a_document_that_may_be_a_credit_note_is_reviewed() -> None:
    page = "Acme GmbH\nGutschrift 70211\nDatum: 04.03.2024\nGesamtbetrag: 479,50 €"
    [finding] = findings(letter("Documents", "See below.", pdf("a.pdf")), page)
    assert "ambiguous_amount" in finding.review_reasons


def test_a_forwarded_receipt_is_a_receipt() -> None:
    body = (
        f"---------- Forwarded message ---------\nFrom: Acme <billing@acme.test>\nSubject: Invoice 70211\n\n{INVOICE}"
    )
    [finding] = findings(letter("Fwd: Invoice 70211", body, sender=PERSON))
    assert (str(finding.amount), finding.vendor) == ("479.50", "Acme Ltd")


def test_the_person_who_forwards_a_receipt_is_not_its_vendor() -> None:
    colleague = "Dana Levi <dana@ours.test>"
    [finding] = findings(letter("FW: Invoice", "", pdf("a.pdf"), sender=colleague), INVOICE)
    assert (finding.vendor, finding.needs_review) == ("Acme Ltd", False)
    [finding] = findings(letter("Fwd: Invoice", "", pdf("a.pdf"), sender=colleague), INVOICE.removeprefix("Acme Ltd"))
    assert finding.review_reasons == ("ambiguous_vendor",)


def test_every_review_reason_has_a_message_and_the_rules_a_version() -> None:
    assert set(MESSAGES) == set(ReviewReason)
    assert EXTRACTOR_VERSION == 4


@pytest.mark.parametrize(
    ("pages", "reasons"),
    [
        ((INVOICE, INVOICE.replace("70211", "70212")), ("several_receipts",)),
        ((f"{INVOICE}Page 1 of 1", "Acme Ltd\nReceipt\nPage 1 of 1"), ("several_receipts",)),
        ((f"{INVOICE}Page 1 of 1", f"{INVOICE}Copy, page 1 of 1"), ()),
        ((f"{INVOICE}Page 1 of 2", "Your order 81234\nPage 2 of 2"), ()),
    ],
)
def test_a_file_of_several_invoices_is_reviewed(pages: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    [finding] = findings(letter("Documents", "See below.", pdf("a.pdf")), "\n\f\n".join(pages))
    assert finding.review_reasons == reasons


def test_a_sender_s_domain_confirms_the_vendor_of_a_document() -> None:
    page = INVOICE.replace("Acme Ltd", "Acme Tools")
    for sender, reasons in (("dana@acme-tools.test", ()), ("dana@ours.test", ("ambiguous_vendor",))):
        [finding] = findings(letter("Documents", "See below.", pdf("a.pdf"), sender=sender), page)
        assert (finding.vendor, finding.review_reasons) == ("Acme Tools", reasons)

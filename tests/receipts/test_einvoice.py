"""E-invoices state exact facts, in every syntax, attached to a mail or inside a PDF; hostile XML states none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from fpdf import FPDF

from demo.mailboxes.mime import attachment, envelope, mail, multipart, text
from receipts.extraction.einvoice import read_einvoice
from receipts.extraction.scan import Scanned
from receipts.message.einvoice_xml import is_einvoice
from receipts.scanner.scanner import Scanner

UBL = """<?xml version="1.0" encoding="UTF-8"?>
<!-- made -> by hand -->
<u:{kind} xmlns:u="urn:oasis:names:specification:ubl:schema:xsd:{kind}-2" xmlns:b="urn:b" xmlns:a="urn:a">
  <b:ID> RE-7/2024 </b:ID><b:IssueDate>2024-05-01</b:IssueDate><b:DueDate>2024-06-01</b:DueDate>
  <b:{kind}TypeCode>{code}</b:{kind}TypeCode><b:DocumentCurrencyCode>{currency}</b:DocumentCurrencyCode>
  <a:BillingReference><a:InvoiceDocumentReference><b:ID>OTHER-1</b:ID></a:InvoiceDocumentReference></a:BillingReference>
  <a:AccountingSupplierParty><a:Party><a:PartyName><b:Name>Weber</b:Name></a:PartyName>
    <a:PartyLegalEntity><b:RegistrationName>Weber &amp; Söhne
      GmbH</b:RegistrationName></a:PartyLegalEntity></a:Party></a:AccountingSupplierParty>
  <a:AccountingCustomerParty><a:Party><a:PartyName><b:Name>Kolman Ltd</b:Name></a:PartyName></a:Party>
  </a:AccountingCustomerParty>
  <a:LegalMonetaryTotal><b:LineExtensionAmount>100</b:LineExtensionAmount>
    <b:TaxInclusiveAmount>{total}</b:TaxInclusiveAmount><b:PayableAmount>{payable}</b:PayableAmount>
  </a:LegalMonetaryTotal>
  <a:InvoiceLine><b:ID>1</b:ID><a:Item><b:Name>Anything</b:Name></a:Item></a:InvoiceLine>
</u:{kind}>"""

CROSS_INDUSTRY = """<rsm:{root} xmlns:rsm="{namespace}" xmlns:ram="urn:r" xmlns:udt="urn:u">
  <rsm:{document}><ram:ID>RE-7/2024</ram:ID><ram:TypeCode>{code}</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20240501</udt:DateTimeString></ram:IssueDateTime>
  </rsm:{document}>
  <rsm:{special}SupplyChainTradeTransaction>
    <ram:Applicable{trade}TradeAgreement>
      <ram:SellerTradeParty><ram:Name>Weber &amp; Söhne GmbH</ram:Name></ram:SellerTradeParty>
      <ram:BuyerTradeParty><ram:Name>Kolman Ltd</ram:Name></ram:BuyerTradeParty></ram:Applicable{trade}TradeAgreement>
    <ram:Applicable{trade}TradeSettlement><ram:InvoiceCurrencyCode>{currency}</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlement{header}MonetarySummation><ram:LineTotalAmount>100</ram:LineTotalAmount>
        <ram:GrandTotalAmount>{total}</ram:GrandTotalAmount><ram:DuePayableAmount>{payable}</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlement{header}MonetarySummation></ram:Applicable{trade}TradeSettlement>
  </rsm:{special}SupplyChainTradeTransaction>
</rsm:{root}>"""


def ubl(kind: str = "Invoice", code: str = "380", **values: str) -> bytes:
    return UBL.format(**{"kind": kind, "code": code, **DEFAULTS, **values}).encode()


def factur_x(code: str = "380", **values: str) -> bytes:
    names = {"root": "CrossIndustryInvoice", "document": "ExchangedDocument", "special": "", "trade": "Header"}
    names |= {"header": "Header", "namespace": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"}
    return CROSS_INDUSTRY.format(**{"code": code, **names, **DEFAULTS, **values}).encode()


def zugferd_1(code: str = "380", **values: str) -> bytes:
    names = {"root": "CrossIndustryDocument", "document": "HeaderExchangedDocument", "special": "Specified"}
    names |= {"trade": "SupplyChain", "header": "", "namespace": "urn:ferd:CrossIndustryDocument:invoice:1p0"}
    return CROSS_INDUSTRY.format(**{"code": code, **names, **DEFAULTS, **values}).encode()


DEFAULTS = {"currency": "EUR", "total": "119.00", "payable": "119.00"}


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner() as running:
        yield running


def scanned_with(part: bytes, scanner: Scanner) -> Scanned:
    headers = envelope("Post", "post@b.test", "dana@b.test", "Hello", datetime(2024, 5, 2, tzinfo=UTC), "1")
    return scanner.scan(mail(headers, multipart([text("See below."), part])))


@pytest.mark.parametrize(
    ("content", "amount"),
    [
        (ubl(), "119.00"),
        (ubl().decode().replace("UTF-8", "UTF-16").encode("utf-16"), "119.00"),
        (factur_x(), "119.00"),
        (zugferd_1(), "119.00"),
        (ubl("CreditNote", "381"), "-119.00"),
        (factur_x("381"), "-119.00"),
        (zugferd_1("381", total="-119.00", payable="-119.00"), "-119.00"),
        # A part was paid before; all was; more than all was.
        (ubl(payable="19.0000"), "19.00"),
        (factur_x(payable="0"), "119.00"),
        (factur_x(payable="-5.00"), "119.00"),
        (ubl(total="-50", payable="-50"), "-50.00"),
    ],
)
def test_the_facts_of_every_syntax_are_exact(content: bytes, amount: str) -> None:
    assert is_einvoice(content[:8_192])
    facts = read_einvoice(content)
    assert facts is not None
    assert facts.total is not None
    assert (str(facts.total.amount), facts.total.currency, facts.total.weight) == (amount, "EUR", 1.0)
    assert (facts.issued_on, facts.invoice_number, facts.vendor) == (
        date(2024, 5, 1),
        "RE-7/2024",
        "Weber & Söhne GmbH",
    )


def test_an_unsupported_currency_is_left_empty() -> None:
    facts = read_einvoice(factur_x(currency="CHF"))
    assert facts is not None
    assert facts.total is not None
    assert facts.total.currency == ""


BOMB = b'<!DOCTYPE Invoice [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Invoice",
        ubl(total="x", payable="x"),
        ubl(total="1e9", payable="Infinity"),
        ubl().replace(b"<u:Invoice", BOMB + b"<u:Invoice").replace(b"119.00", b"&b;"),
        ubl().replace(b"<u:Invoice", b'<!DOCTYPE Invoice SYSTEM "file:///etc/passwd"><u:Invoice'),
        ubl().replace(b"</u:Invoice>", b"<x>" * 51 + b"</x>" * 51 + b"</u:Invoice>"),
        ubl().replace(b"UTF-8", b"x-klingon"),
        ubl()[:-20],
        b"<html><body>Invoice</body></html>",
    ],
)
def test_broken_or_hostile_xml_gives_no_facts(content: bytes) -> None:
    assert read_einvoice(content) is None


@pytest.mark.parametrize("kind", ["application/xml", "text/xml", "application/octet-stream", "text/plain"])
def test_an_e_invoice_in_a_mail_is_a_document_of_its_own(kind: str, scanner: Scanner) -> None:
    [(document, finding)] = scanned_with(attachment(ubl(), "rechnung.xml", kind), scanner).findings
    assert document is not None
    assert (document.filename, document.content_type, document.content) == ("rechnung.xml", "application/xml", ubl())
    assert (finding.amount, finding.confidence, finding.needs_review) == (Decimal("119.00"), Decimal(1), False)


def test_a_proforma_e_invoice_is_no_receipt(scanner: Scanner) -> None:
    assert scanned_with(attachment(ubl(code="325"), "rechnung.xml", "application/xml"), scanner).findings == ()


def test_other_xml_is_no_document(scanner: Scanner) -> None:
    other = b'<?xml version="1.0"?><feedback xmlns="urn:x"><Invoice>5 EUR</Invoice></feedback>'
    assert scanned_with(attachment(other, "invoice.xml", "application/xml"), scanner).findings == ()


@pytest.mark.parametrize(
    ("shown", "reasons"), [("Total due: EUR 119,00", ()), ("", ()), ("Total due: $999.00", ("shows_other_amount",))]
)
def test_an_embedded_e_invoice_counts_and_must_agree_with_its_pdf(
    scanner: Scanner, shown: str, reasons: tuple[str, ...]
) -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    pdf.text(20, 20, "Invoice number: OTHER-1")
    pdf.text(20, 30, shown)
    pdf.embed_file(basename="notes.txt", bytes=b"of no interest")
    pdf.embed_file(basename="factur-x.xml", bytes=factur_x())
    [(document, finding)] = scanned_with(attachment(bytes(pdf.output()), "a.pdf", "application/pdf"), scanner).findings
    assert document is not None
    assert (document.content_type, finding.invoice_number) == ("application/pdf", "RE-7/2024")
    assert (finding.amount, finding.currency) == (Decimal("119.00"), "EUR")
    assert (finding.needs_review, finding.review_reasons) == (bool(reasons), reasons)

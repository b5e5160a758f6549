"""E-invoices: what an invoice in XML says, exactly.

They are mailed as XML (XRechnung, Peppol and other UBL or CII) or stand inside a PDF (Factur-X, ZUGFeRD 1 and 2). The
libraries for them (factur-x, pycheval) read one syntax each or build the whole invoice; five facts are all that is
wanted, so a table of paths says where each syntax keeps them.

The XML comes from a stranger. It is read as a stream by defusedxml, which refuses what XML bombs and stolen files are
made of (document types and their entities); nothing is kept but the texts at the paths, and depth and size are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from receipts.extraction.dates import YEARS
from receipts.extraction.facts import Facts
from receipts.extraction.money import MAX_AMOUNT
from receipts.extraction.totals import Total
from receipts.message.charsets import clean

# With what is embedded in it: XRechnung carries the papers that belong to an invoice.
MAX_XML: Final = 10_000_000
MAX_DEPTH: Final = 50
MAX_VALUE: Final = 500
KEPT_CURRENCIES: Final = ("ILS", "USD", "EUR", "GBP")
# Kinds of document (UNTDID 1001) that give money back, though their amounts are written without a sign.
CREDIT_NOTES: Final = {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
PROFORMA: Final = "325"  # says what an invoice would say

# The root, behind what may stand before it.
_ROOT = re.compile(
    rb"\A(?:\s|\xef\xbb\xbf|\xff\xfe|\xfe\xff|<\?[^>]*+>|<!--(?:[^-]|-(?!->))*+-->)*+"
    rb"<(?:[\w.-]{1,40}:)?(?:CrossIndustryInvoice|CrossIndustryDocument|Invoice|CreditNote)\s"
)
_NAMESPACE = re.compile(
    rb"urn:(?:oasis:names:specification:ubl:schema:xsd:(?:Invoice|CreditNote)-2|[\w:.-]{1,80}CrossIndustry)"
)
_AMOUNT = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")


@dataclass(frozen=True)
class _Syntax:
    """Where a kind of e-invoice says what: the names of the elements below its root, of which the first counts."""

    number: str
    kind: str
    issued_on: str
    currency: str
    payable: str
    total: str
    sellers: tuple[str, ...]

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(
            (self.number, self.kind, self.issued_on, self.currency, self.payable, self.total, *self.sellers)
        )


def _cross_industry(document: str, transaction: str, agreement: str, settlement: str, summation: str) -> _Syntax:
    seller = f"{transaction}/{agreement}/SellerTradeParty"
    sums = f"{transaction}/{settlement}/{summation}"
    return _Syntax(
        number=f"{document}/ID",
        kind=f"{document}/TypeCode",
        issued_on=f"{document}/IssueDateTime/DateTimeString",
        currency=f"{transaction}/{settlement}/InvoiceCurrencyCode",
        payable=f"{sums}/DuePayableAmount",
        total=f"{sums}/GrandTotalAmount",
        sellers=(f"{seller}/Name", f"{seller}/SpecifiedLegalOrganization/TradingBusinessName"),
    )


def _universal_business(kind: str) -> _Syntax:
    party = "AccountingSupplierParty/Party"
    return _Syntax(
        number="ID",
        kind=kind,
        issued_on="IssueDate",
        currency="DocumentCurrencyCode",
        payable="LegalMonetaryTotal/PayableAmount",
        total="LegalMonetaryTotal/TaxInclusiveAmount",
        sellers=(f"{party}/PartyLegalEntity/RegistrationName", f"{party}/PartyName/Name"),
    )


SYNTAXES: Final[Mapping[str, _Syntax]] = {
    # Factur-X, ZUGFeRD 2, XRechnung
    "CrossIndustryInvoice": _cross_industry(
        "ExchangedDocument",
        "SupplyChainTradeTransaction",
        "ApplicableHeaderTradeAgreement",
        "ApplicableHeaderTradeSettlement",
        "SpecifiedTradeSettlementHeaderMonetarySummation",
    ),
    # ZUGFeRD 1
    "CrossIndustryDocument": _cross_industry(
        "HeaderExchangedDocument",
        "SpecifiedSupplyChainTradeTransaction",
        "ApplicableSupplyChainTradeAgreement",
        "ApplicableSupplyChainTradeSettlement",
        "SpecifiedTradeSettlementMonetarySummation",
    ),
    # UBL: Peppol, XRechnung
    "Invoice": _universal_business("InvoiceTypeCode"),
    "CreditNote": _universal_business("CreditNoteTypeCode"),
}


def is_invoice(head: bytes) -> bool:
    """Whether a file that begins so is an e-invoice."""
    head = head[:8_192].replace(b"\0", b"")  # in UTF-16 too
    return _ROOT.match(head) is not None and _NAMESPACE.search(head) is not None


def read_invoice(content: bytes) -> Facts | None:
    """What an e-invoice says; None when `content` is none, or says no total."""
    if len(content) > MAX_XML:
        return None
    found = _Found()
    parser = DefusedXMLParser(target=found, forbid_dtd=True)
    try:
        parser.feed(content)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return _facts(found)


@dataclass
class _Found:
    """Takes what the parser meets, and keeps the first text at each path of the root's syntax."""

    root: str = ""
    values: dict[str, str] = field(default_factory=dict)
    _path: list[str] = field(default_factory=list)
    _paths: frozenset[str] = frozenset()
    _wanted: str = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if not self.root:
            self.root = name
            self._paths = SYNTAXES[name].paths
            return
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise ValueError("nested too deep")
        path = "/".join(self._path)
        self._wanted = path if path in self._paths and path not in self.values else ""

    def data(self, text: str) -> None:
        if self._wanted:
            self.values[self._wanted] = (self.values.get(self._wanted, "") + text)[:MAX_VALUE]

    def end(self, tag: str) -> None:
        self._wanted = ""
        if self._path:
            self._path.pop()

    def close(self) -> None:
        """The parser asks for it."""


def _facts(found: _Found) -> Facts | None:
    syntax = SYNTAXES[found.root]

    def value_at(path: str) -> str:
        return clean(found.values.get(path, ""))

    amount = _paid(_amount(value_at(syntax.payable)), _amount(value_at(syntax.total)))
    if amount is None:
        return None
    if found.root == "CreditNote" or value_at(syntax.kind) in CREDIT_NOTES:
        amount = -abs(amount)
    currency = value_at(syntax.currency).upper()
    return Facts(
        # Real money that receipts are not kept in has no name here.
        total=Total(amount, currency if currency in KEPT_CURRENCIES else "", weight=1.0),
        issued_on=_date(value_at(syntax.issued_on)),
        invoice_number=value_at(syntax.number),
        vendor=next(filter(None, map(value_at, syntax.sellers)), ""),
        has_receipt_words=True,
        is_refund=amount < 0,
        is_no_receipt=value_at(syntax.kind) == PROFORMA,
    )


def _paid(payable: Decimal | None, total: Decimal | None) -> Decimal | None:
    """What is to be paid; the total, where so much was paid before that nothing is left, or something is owed back."""
    if payable is None or (total and payable * total <= 0):
        return total
    return payable


def _amount(text: str) -> Decimal | None:
    if not _AMOUNT.fullmatch(text):
        return None
    amount = Decimal(text).quantize(Decimal("0.01"))
    return amount if abs(amount) < MAX_AMOUNT else None


def _date(text: str) -> date | None:
    found = _DATE.match(text)
    if not found or int(found[1]) not in YEARS:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None

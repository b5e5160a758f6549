"""Reads e-invoices, whose XML states the facts exactly.

They are mailed as XML (XRechnung, Peppol and other UBL or CII) or stand inside a PDF (Factur-X, ZUGFeRD 1 and 2). The
libraries for them (factur-x, pycheval) read one syntax each or build the whole invoice; five facts are all that is
wanted, so a table of paths says where each syntax keeps them.

The XML comes from a stranger. It is read as a stream by defusedxml, which refuses what XML bombs and stolen files are
made of (document types and their entities); nothing is kept but the texts at the paths, and depth and size are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from receipts.extraction.einvoice_syntaxes import SYNTAXES
from receipts.extraction.einvoice_values import choose_payable, parse_amount, parse_date
from receipts.extraction.facts import Facts
from receipts.extraction.total_choice import Total
from receipts.message.charsets import clean_text
from receipts.message.einvoice_xml import MAX_XML

MAX_DEPTH: Final = 50
MAX_VALUE: Final = 500
KEPT_CURRENCIES: Final = ("ILS", "USD", "EUR", "GBP")
# Kinds of document (UNTDID 1001) that give money back, though their amounts are written without a sign.
CREDIT_NOTES: Final = {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
PROFORMA: Final = "325"  # an offer in the form of an invoice


def read_einvoice(content: bytes) -> Facts | None:
    """What an e-invoice says; None when `content` is none, or says no total."""
    if len(content) > MAX_XML:
        return None
    collector = _PathCollector()
    parser = DefusedXMLParser(target=collector, forbid_dtd=True)
    try:
        parser.feed(content)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return _build_facts(collector)


@dataclass
class _PathCollector:
    """A parser target that keeps the first text at each path of the root's syntax."""

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
        """Required of a parser target."""


def _build_facts(collector: _PathCollector) -> Facts | None:
    syntax = SYNTAXES[collector.root]

    def value_at(path: str) -> str:
        return clean_text(collector.values.get(path, ""))

    amount = choose_payable(parse_amount(value_at(syntax.payable)), parse_amount(value_at(syntax.total)))
    if amount is None:
        return None
    if collector.root == "CreditNote" or value_at(syntax.kind) in CREDIT_NOTES:
        amount = -abs(amount)
    currency = value_at(syntax.currency).upper()
    return Facts(
        # A currency that receipts don't support is stored as unknown.
        total=Total(amount, currency if currency in KEPT_CURRENCIES else "", weight=1.0),
        issued_on=parse_date(value_at(syntax.issued_on)),
        invoice_number=value_at(syntax.number),
        vendor=next(filter(None, map(value_at, syntax.sellers)), ""),
        has_receipt_words=True,
        is_refund=amount < 0,
        is_no_receipt=value_at(syntax.kind) == PROFORMA,
    )

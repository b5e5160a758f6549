"""Where each syntax of e-invoices (UBL, CII, ZUGFeRD 1) keeps the facts that receipts need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Syntax:
    """Where a syntax keeps each fact: a path of element names below the root. The first element at a path counts."""

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


def _cross_industry_syntax(document: str, transaction: str, agreement: str, settlement: str, summation: str) -> Syntax:
    seller = f"{transaction}/{agreement}/SellerTradeParty"
    sums = f"{transaction}/{settlement}/{summation}"
    return Syntax(
        number=f"{document}/ID",
        kind=f"{document}/TypeCode",
        issued_on=f"{document}/IssueDateTime/DateTimeString",
        currency=f"{transaction}/{settlement}/InvoiceCurrencyCode",
        payable=f"{sums}/DuePayableAmount",
        total=f"{sums}/GrandTotalAmount",
        sellers=(f"{seller}/Name", f"{seller}/SpecifiedLegalOrganization/TradingBusinessName"),
    )


def _ubl_syntax(kind: str) -> Syntax:
    party = "AccountingSupplierParty/Party"
    return Syntax(
        number="ID",
        kind=kind,
        issued_on="IssueDate",
        currency="DocumentCurrencyCode",
        payable="LegalMonetaryTotal/PayableAmount",
        total="LegalMonetaryTotal/TaxInclusiveAmount",
        sellers=(f"{party}/PartyLegalEntity/RegistrationName", f"{party}/PartyName/Name"),
    )


SYNTAXES: Final[Mapping[str, Syntax]] = {
    # Factur-X, ZUGFeRD 2, XRechnung
    "CrossIndustryInvoice": _cross_industry_syntax(
        "ExchangedDocument",
        "SupplyChainTradeTransaction",
        "ApplicableHeaderTradeAgreement",
        "ApplicableHeaderTradeSettlement",
        "SpecifiedTradeSettlementHeaderMonetarySummation",
    ),
    # ZUGFeRD 1
    "CrossIndustryDocument": _cross_industry_syntax(
        "HeaderExchangedDocument",
        "SpecifiedSupplyChainTradeTransaction",
        "ApplicableSupplyChainTradeAgreement",
        "ApplicableSupplyChainTradeSettlement",
        "SpecifiedTradeSettlementMonetarySummation",
    ),
    # UBL: Peppol, XRechnung
    "Invoice": _ubl_syntax("InvoiceTypeCode"),
    "CreditNote": _ubl_syntax("CreditNoteTypeCode"),
}

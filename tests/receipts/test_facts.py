"""What is read out of a text: sums that belong together, days by their labels, whole numbers, vendors by their side."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from receipts.extraction.facts import Facts, read_facts
from receipts.extraction.languages import LANGUAGES
from receipts.extraction.platforms import PLATFORMS


def read(*lines: str, sent_at: datetime | None = None) -> Facts:
    return read_facts("\n".join(lines), sent_at=sent_at)


def total_of(*lines: str) -> str:
    """As "479.50 USD", with a question mark where another sum may be meant."""
    total = read(*lines).total
    return f"{total.amount} {total.currency}".strip() + "?" * total.is_ambiguous if total else ""


@pytest.mark.parametrize(
    ("line", "total"),
    [
        # A sign belongs to the number after it; counts, instalments and earlier sums are no totals.
        ("Total 7 $479.50", "479.50 USD"),
        ('סה"כ 5 ₪1,200.00', "1200.00 ILS"),
        ("Total $400.00 $479.50", "479.50 USD?"),
        ('סה"כ לתשלום 3 תשלומים ₪100.00 ₪300.00', "300.00 ILS?"),
        ("Amount due in 2014 USD 2,014.37", "2014.37 USD"),
        ("TOTAL AMOUNT DUE ON September 2, 2024 USD 88.02", "88.02 USD"),
        ("Total for 12 items: 20 €", "20 EUR"),
        ("Total €20.00 (incl. €3.19 VAT)", "20.00 EUR"),
        ("Total (incl. VAT €20.00)", "20.00 EUR"),
        ("Total 100.00 EUR incl. 19% VAT 15.97 EUR", "100.00 EUR"),
        ("Total: 1.234,- €", "1234 EUR"),
        ("Total USD1,234.56", "1234.56 USD"),
        ("Total: 5 items, EUR", "5 EUR?"),
        # Net, tax and gross on one line add up.
        ("Total 1 278.61 40.39 319.00", "319.00"),
        ("Totaal € 156,20 € 32,80 € 189,00", "189.00 EUR"),
        ("Exclusief btw € 593,36 Totaal € 717,97", "717.97 EUR"),
        # One number each.
        ("Total 1 479,50 EUR", "1479.50 EUR"),
        ("Total 1'479.50 CHF", "1479.50"),
        ("Total CHF 1’479.50", "1479.50"),
        ("Gesamtbetrag 1.479,50 €", "1479.50 EUR"),
        ("Total 1 234 479,50 €", "1234479.50 EUR"),
        ("Total: 20 € ", "20 EUR"),
        # Two numbers, or one: who knows.
        ("Total 7 479.50", "479.50?"),
        # Money that went the other way, and dashes that are none.
        ("Total -$479.50", "-479.50 USD"),
        ("Total $-479.50", "-479.50 USD"),
        ("Total ($479.50)", "-479.50 USD"),
        ("Total \u2212479,50 €", "-479.50 EUR"),
        ("Total 189,00- EUR", "-189.00 EUR"),
        ("Total - $479.50", "479.50 USD"),
        ("Total \u2013 479,50 €", "479.50 EUR"),
        # An unsupported currency isn't taken for a supported one.
        ("Total CA$ 99.00", "99.00"),
        ("Total $99.00 CAD", "99.00"),
        ("Total Rs 1939", "1939"),
        ("Total 99.00 SEK", "99.00"),
    ],
)
def test_a_total_is_read_right_or_marked_as_ambiguous(line: str, total: str) -> None:
    assert total_of("Invoice", line) == total


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (("Subtotal $400.00", "Tax $79.50", "Total $479.50", "Amount due $479.50"), "479.50 USD"),
        (("Total $110.00", "Deposit $10.00", "Amount due $100.00"), "110.00 USD"),
        (("Total $110.00", "Amount due $90.00"), "90.00 USD?"),
        (("Total due: $120.00", "Total due: $210.00"), "210.00 USD?"),
        (("Total $100.00", "VAT $19.00", "Total $119.00"), "119.00 USD"),
        (("Total $479.50", "Paid $479.50", "Balance due $0.00"), "479.50 USD"),
        (("AMOUNT PAID DATE PAID METHOD", "$35.97 Jan 22, 2024 Visa 4242"), "35.97 USD"),
        (("Subtotal", "Tax", "Total", "$400.00", "$79.50", "$479.50"), "479.50 USD"),
        (("Subtotal", "Total", "$400.00", "$79.50", "$479.50"), "479.50 USD?"),
        (("Subtotal VAT 20% Total", "400.00 80.00 480.00"), "480.00"),
        (("Deposit: 10,00", "110,00", "Te betalen 100,00 EUR"), "110.00 EUR?"),
        (("Deposit: $10.00", "Amount due $100.00"), "100.00 USD?"),
        (("Total $479.50", "Amount refunded $79.50"), "479.50 USD?"),
        (("Total $400.00", "Amount paid $400.00", "Total $500.00"), "400.00 USD?"),
        (("Total", "479.50", "Currency: GBP"), "479.50 GBP"),
        (("Total tokens 5,000", "Total $20.00"), "20.00 USD"),
        (("All prices in AUD", "Total $479.50"), "479.50"),
        (("ABN 51 824 753 556", "Total $479.50"), "479.50"),
        (("Includes GST of $43.59", "Total $479.50"), "479.50"),
        (("ABN 51 824 753 556", "Total US$479.50"), "479.50 USD"),
        (("Total 479.50", "Prices in EUR or USD"), "479.50"),
        # A table torn apart by columns that are too narrow.
        (("TOTAL 6.6", "£9", "0", "R", "1", "£8", "0"), "6.6 GBP?"),
    ],
)
def test_the_total_is_chosen_among_several_sums(lines: tuple[str, ...], total: str) -> None:
    assert total_of("Invoice", *lines) == total


# Number, day of issue, day due, net and total of the same invoice.
WORDS = {
    "en": "Invoice no. 2024-17|Invoice date: 4 March 2024|Due 3 April 2024|Subtotal 100.00|Grand total EUR 119.00",
    "he": 'חשבונית מס מספר 2024-17|תאריך הפקה: 4 במרץ 2024|לתשלום עד: 3.4.2024|לפני מע"מ 100|סה"כ לתשלום 119.00 אירו',
    "de": "Rechnungsnr. 2024-17|Rechnungsdatum: 4. März 2024|Fällig am 3.4.2024|Netto 100|Gesamtbetrag 119,00 EUR",
    "fr": "Facture n° 2024-17|Date d’émission : 4 mars 2024|Échéance : 3/4/2024|Total HT 100|Net à payer 119,00 EUR",
    "es": "Factura nº 2024-17|Fecha de emisión: 4 de marzo de 2024|Vence el 3/4/2024|Total a pagar 119,00 EUR",
    "it": "Fattura n. 2024-17|Data fattura: 4 marzo 2024|Scadenza: 3/4/2024|Imponibile 100|Totale fattura 119,00 EUR",
    "nl": "Factuurnummer 2024-17|Factuurdatum: 4 maart 2024|Vervaldatum: 3 april 2024|Te betalen 119,00 EUR",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_read(language: str) -> None:
    lines = WORDS[language].split("|")
    facts = read(*lines)
    assert total_of(*lines) == "119.00 EUR"
    assert (facts.issued_on, facts.is_day_ambiguous) == (date(2024, 3, 4), False)
    assert facts.invoice_number == "2024-17"
    assert facts.has_receipt_words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_knows_every_kind_of_phrase_and_every_month(language: str) -> None:
    words = LANGUAGES[language]
    optional = {"prefix", "weak_dates", "unclear_credits", "other_dollars"}
    assert all(value for name, value in vars(words).items() if name not in optional)
    assert len(words.months) == 12


@pytest.mark.parametrize(
    ("lines", "day"),
    [
        (("Due date: 3 April 2024", "Invoice date: 4 March 2024"), date(2024, 3, 4)),
        (("Date of issue March 4, 2024", "Date due April 3, 2024"), date(2024, 3, 4)),
        (("Invoice date Due date", "04.03.2024 03.04.2024"), date(2024, 3, 4)),
        (("Invoice", "Due date: 3 April 2024"), None),
        (("Rechnung Nr. 17 vom 04.03.2024", "Bestellung vom 01.02.2024"), date(2024, 3, 4)),
        (("Facture n°562044387 du 04 mars 2024", "Période du 01/02/2024 au 29/02/2024"), date(2024, 3, 4)),
        # 26 is no month: what is true of one date of a paper is true of all.
        (("Date 03/04/2024", "Due 04/26/2024"), date(2024, 3, 4)),
        (("Date 04/03/2024", "Due 26/04/2024"), date(2024, 3, 4)),
        (("1200 Dock Street, Tacoma, WA 98402", "Date 03/04/2024"), date(2024, 3, 4)),
        (("Date 03/04/2024", "Total $20.00"), None),
        (("Date : 31/12/2018", "Date de facture associée : 30/11/2018"), date(2018, 12, 31)),
        (("Datum 12-Aug-2024",), date(2024, 8, 12)),
        (("Date 04-Mar-24",), date(2024, 3, 4)),
        (("Date: 1er février 2024",), date(2024, 2, 1)),
        # The days of a period are no day of issue; an address may contain a preposition.
        (("Berlin 04.07.2023", "01.06.2023 - 30.06.2023"), date(2023, 7, 4)),
        (("Acme GmbH, Am Saueracker 23, 91244 Reichenschwand 04.07.2023",), date(2023, 7, 4)),
        (("Zahlbar am 04.07.2023",), None),
    ],
)
def test_the_day_of_issue_is_distinguished_from_other_days(lines: tuple[str, ...], day: date | None) -> None:
    assert read(*lines).issued_on == day


@pytest.mark.parametrize(
    "lines",
    [
        ("Date: 4 March 2024", "Date: 5 March 2024"),
        ("Invoice 1701", "Order date: 4 March 2024"),
        ("Invoice date: 4 March 2025",),
    ],
)
def test_a_day_with_two_readings_is_ambiguous(lines: tuple[str, ...]) -> None:
    assert read(*lines, sent_at=datetime(2024, 3, 6, tzinfo=UTC)).is_day_ambiguous


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (("Invoice number 42A5DE55-0071",), "42A5DE55-0071"),
        (("Invoice no. 0123456789abcdef0123456789abcdef",), "0123456789abcdef0123456789abcdef"),
        (("Invoice number: " + "1234567890" * 6,), ""),
        (("Invoice #", "A-2291/24"), "A-2291/24"),
        (("Invoice # Date Total", "MF-88213 04/26/2024 $20.00"), "MF-88213"),
        (("Invoice no.: 18",), "18"),
        (("Invoice 2024",), ""),
        (("Invoice March 4, 2024",), ""),
        (("Order number 5512", "Invoice number 1701"), "1701"),
        (("Order number 5512", "Invoice"), ""),
        (("Invoice", "Document number 5512", "Order number 81"), "5512"),
        (("חשבונית מס", "מספר מסמך", "37212"), "37212"),
        (("HANDELSRECHNUNG(380) Nr. 47110815 vom 31.10.2018",), "47110815"),
        (("Credit note CN-0042",), "CN-0042"),
        (('חשבונית מס / קבלה מס\' 50217', "אסמכתא: 88301277"), "50217"),
    ],
)  # fmt: skip
def test_a_number_is_read_whole_or_not_at_all(lines: tuple[str, ...], number: str) -> None:
    assert read(*lines).invoice_number == number


@pytest.mark.parametrize(
    ("lines", "vendor"),
    [
        (("Acme Ltd", "Bill to: Kolman Trading Ltd"), "Acme Ltd"),
        (("Bill to", "Kolman Trading Ltd", "Acme Ltd", "Invoice"), "Acme Ltd"),
        (("Acme Ltd Bill to", "1 Road Kolman Trading Ltd", "Invoice"), "Acme Ltd"),
        (("Buyer: Kolman Trading Ltd", "Invoice"), ""),
        (("Seller: Acme & Sons", "Buyer: Kolman Trading Ltd"), "Acme & Sons"),
        (("Seller:", "Acme & Sons", "1 Road 17"), "Acme & Sons"),
        (("INVOICE FROM INVOICE TO", "Acme Tools, Inc. Kolman Corp.", "17 Road 21 Road"), "Acme Tools, Inc."),
        (("Verkäufer:", "Nummer: 998877", "Name: Acme AG Demo", "Käufer:", "Name: Kolman GmbH"), "Acme AG Demo"),
        (("Receipt from Papertrail Press", "Receipt #2388-0417"), "Papertrail Press"),
        (('לכבוד: קולמן סחר בע"מ', "חשבונית מס 17"), ""),
        (("דנה לוי עיצוב", "עוסק מורשה 029384756", 'לכבוד: קולמן סחר בע"מ'), "דנה לוי עיצוב"),
        (("Invoice Acme Ltd.",), "Acme Ltd."),
        (("Acme & Söhne · Hauptweg 21 · 10115 Berlin", "Kolman Handel", "Rechnung"), "Acme & Söhne"),
        (("FACTUUR. Acme B.V.",), "Acme B.V."),
        (("Seller: Acme & Sons Buyer: Kolman & Co", "Invoice"), "Acme & Sons"),
        # Whoever is named as the customer anywhere is the customer everywhere.
        (
            ("Receipt", "Kolman Ltd", "Billing contact:", "Kolman Ltd", "Paid", "Total", "Thanks", "Acme Ltd, 1 Road"),
            "Acme Ltd",
        ),
        (("Acme GmbH | Hauptweg 21 | 10115 Berlin", "Kolman GmbH", "Kundennummer: 17", "Acme GmbH IBAN"), "Acme GmbH"),
    ],
)
def test_the_vendor_is_the_issuer_of_the_document(lines: tuple[str, ...], vendor: str) -> None:
    assert read(*lines).vendor == vendor


@pytest.mark.parametrize(
    ("lines", "is_sure"),
    [
        (("Acme Ltd", "Invoice 1701"), True),
        (("Acme Tools INVOICE", "17 Road", "Invoice # 1701"), True),
        (("Acme Tools", "17 Road", "Invoice # 1701"), False),
        # Two columns, and no one knows where the first ends.
        (("Seller: Buyer:", "Acme & Sons Kolman & Co", "17 Road 21 Road"), False),
        # A company that is mentioned far below the head, and the same with something that speaks for it.
        ((*["Line"] * 14, "Purchased through Acme Limited"), False),
        ((*["Line"] * 14, "Acme Limited", "17 Road", "VAT number: IE3668997OH"), True),
        ((*["Line"] * 14, "Acme Limited", "https://acme.example/help"), True),
    ],
)
def test_a_vendor_is_sure_where_a_second_fact_confirms_it(lines: tuple[str, ...], is_sure: bool) -> None:
    assert read(*lines).is_vendor_sure is is_sure


@pytest.mark.parametrize("platform", ["Green Invoice", "Stripe, Inc.", "PayPal", "QuickBooks", "Xero Ltd", "iCount"])
def test_the_program_that_wrote_an_invoice_is_not_its_vendor(platform: str) -> None:
    assert platform.split(",")[0].removesuffix(" Ltd").lower() in PLATFORMS
    assert read(platform, "Invoice 1701", "Total $20.00").vendor == ""
    assert read("Acme Ltd", "Invoice 1701", f"Issued by {platform}").vendor == "Acme Ltd"
    assert read("Square Roots Ltd", "Invoice 1701").vendor == "Square Roots Ltd"

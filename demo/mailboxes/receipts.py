"""The receipts of the demo: what they say, and the papers and texts that say it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from demo.mailboxes.papers import Paper, continental_number, hebrew_date, long_date, plain_number

Language = Literal["en", "he"]


@dataclass(frozen=True)
class Vendor:
    name: str
    address: str
    currency: str


ENGLISH: Final = (
    Vendor("Northwind Cloud Inc.", "billing@northwind.example", "USD"),
    Vendor("Papertrail Hosting LLC", "accounts@papertrail.example", "USD"),
    Vendor("Albion Stationery Ltd", "sales@albion.example", "GBP"),
    Vendor("Bergmann Werkzeuge GmbH", "rechnung@bergmann.example", "EUR"),
    Vendor("Copper Kettle Coffee Ltd", "hello@copperkettle.example", "GBP"),
    Vendor("Sunrise Analytics Inc.", "billing@sunrise.example", "USD"),
    Vendor("Tel Aviv Coworking Ltd", "office@tlvcowork.example", "ILS"),
)
HEBREW: Final = (
    Vendor('קפה נמרוד בע"מ', "office@nimrod.example", "ILS"),
    Vendor('דפוס הגליל בע"מ', "print@galil.example", "ILS"),
    Vendor('מוסך אלון ובניו בע"מ', "garage@alon.example", "ILS"),
    Vendor('אור שירותי ענן בע"מ', "billing@or-cloud.example", "USD"),
    Vendor('משתלת הכרמל בע"מ', "plants@carmel.example", "ILS"),
)


@dataclass(frozen=True)
class Truth:
    """What a person would read on a receipt."""

    vendor: str
    amount: Decimal
    currency: str
    issued_on: date
    invoice_number: str


def truth(index: int, language: Language, issued_on: date) -> Truth:
    """The receipt number `index` of the demo; no two have the same number."""
    vendors = HEBREW if language == "he" else ENGLISH
    vendor = vendors[index % len(vendors)]
    # Spread from 12.07 to above 4,000 without a pattern that an eye would catch.
    amount = Decimal(1207 + index * 7919 % 412_345) / 100
    prefix = ("INV-", "", "R/")[index % 3]
    return Truth(vendor.name, amount, vendor.currency, issued_on, f"{prefix}{20_000 + index * 37}")


def address_of(vendor: str) -> str:
    return next(known.address for known in (*ENGLISH, *HEBREW) if known.name == vendor)


def money(amount: Decimal, currency: str, style: int) -> str:
    """The amount as this currency is written, in one of two ways."""
    plain = plain_number(amount)
    match currency:
        case "USD":
            return (f"${plain}", f"{plain} USD")[style % 2]
        case "GBP":
            return (f"£{plain}", f"GBP {plain}")[style % 2]
        case "EUR":
            return (f"{continental_number(amount)} EUR", f"EUR {plain}")[style % 2]
        case _:
            return (f"₪{plain}", f"{plain} ILS")[style % 2]


def hebrew_money(amount: Decimal, currency: str, style: int) -> str:
    plain = plain_number(amount)
    if currency == "USD":
        return f"${plain}"
    return (f"₪{plain}", f'{plain} ש"ח', f"{plain} ₪")[style % 3]


def written_date(day: date, currency: str, style: int) -> str:
    """The date as an English paper may have it; Americans put the month first."""
    numeric = f"{day:%m/%d/%Y}" if currency == "USD" else f"{day:%d/%m/%Y}"
    return (long_date(day), f"{day:%Y-%m-%d}", numeric)[style % 3]


def hebrew_written_date(day: date, style: int) -> str:
    return (f"{day:%d/%m/%Y}", hebrew_date(day), f"{day:%d.%m.%y}")[style % 3]


def paper(facts: Truth, language: Language, *, rows: int, style: int) -> Paper:
    """The facts on an invoice with `rows` lines of goods."""
    return (_hebrew_paper if language == "he" else _english_paper)(facts, rows, style)


def _english_paper(facts: Truth, rows: int, style: int) -> Paper:
    tax = _tax(facts.amount)
    # The fonts built into PDFs have the pound sign, and neither the shekel's nor the euro's.
    written = _writer(facts, 1 if facts.currency == "ILS" else style)
    return Paper(
        title=facts.vendor,
        head=[
            "Tax invoice",
            f"Invoice number: {facts.invoice_number}",
            f"Invoice date: {written_date(facts.issued_on, facts.currency, style)}",
            "Bill to: The Demo Business Ltd",
            "Phone +44 20 7946 0123, VAT no. 987654321",
        ],
        rows=[("Description", "Quantity", "Price"), *_goods("Item", rows)],
        sums=[
            ("Subtotal:", written(facts.amount - tax)),
            ("VAT 18%:", written(tax)),
            (("Total due:", "Grand total", "Total:")[style % 3], written(facts.amount)),
        ],
    )


def _hebrew_paper(facts: Truth, rows: int, style: int) -> Paper:
    tax = _tax(facts.amount)
    title = ("חשבונית מס קבלה מספר", "חשבונית מס", "קבלה מס'")[style % 3]
    return Paper(
        title=facts.vendor,
        head=[
            f"{title} {facts.invoice_number}",
            f"תאריך: {hebrew_written_date(facts.issued_on, style)}",
            'לכבוד: העסק לדוגמה בע"מ',
            "עוסק מורשה 514223981 טלפון 03-5550123",
        ],
        rows=[("תיאור", "כמות", "מחיר"), *_goods("פריט", rows)],
        sums=[
            ('סה"כ לפני מע"מ:', hebrew_money(facts.amount - tax, facts.currency, style)),
            ('מע"מ 18%:', hebrew_money(tax, facts.currency, style)),
            (
                ('סה"כ לתשלום:', 'סה"כ כולל מע"מ:', "סך הכל לתשלום:")[style % 3],
                hebrew_money(facts.amount, facts.currency, style),
            ),
        ],
        right_to_left=True,
    )


def text(facts: Truth, language: Language, style: int) -> str:
    """The facts in a plain mail, as payment services write them."""
    if language == "he":
        return "\n".join(_hebrew_lines(facts, style))
    return "\n".join(_english_lines(facts, style))


def html(facts: Truth, language: Language, style: int) -> str:
    """The facts in an HTML mail: tables in tables, styles, and words broken by tags."""
    lines = (_hebrew_lines if language == "he" else _english_lines)(facts, style)
    direction = "rtl" if language == "he" else "ltr"
    cells = "".join(f"<tr>{_cells(line)}</tr>" for line in lines if line)
    return (
        f'<!DOCTYPE html><html dir="{direction}"><head><style>td {{ padding: 4px }} .total {{ color: #123456 }}</style>'
        f"</head><body><table width=600><tr><td><table>{cells}</table></td></tr></table>"
        '<p style="color:#999">&copy; 2024 <a href="https://vendor.example/help?id=998877">Help</a></p></body></html>'
    )


def _cells(line: str) -> str:
    label, colon, value = line.partition(": ")
    if not colon:
        return f"<td colspan=2><b>{label[:2]}</b>{label[2:]}</td>"
    return f"<td>{label}:</td><td align=right><span>{value}</span></td>"


def _english_lines(facts: Truth, style: int) -> Sequence[str]:
    tax = _tax(facts.amount)
    written = _writer(facts, style)
    return [
        "Hello,",
        f"Thank you for your purchase from {facts.vendor}",
        f"Receipt number: {facts.invoice_number}",
        f"Date paid: {written_date(facts.issued_on, facts.currency, style)}",
        "",
        f"Subtotal: {written(facts.amount - tax)}",
        f"Tax 18%: {written(tax)}",
        f"{('Amount paid', 'Order total', 'Total')[style % 3]}: {written(facts.amount)}",
        "",
        "Questions? Call +1 555 010 9999.",
    ]


def _hebrew_lines(facts: Truth, style: int) -> Sequence[str]:
    tax = _tax(facts.amount)
    total = ("סכום ששולם", "סה״כ שולם", "סך הכל ששולם")[style % 3]
    return [
        "שלום רב,",
        f"תודה שרכשת אצל {facts.vendor}",
        f"קבלה מספר: {facts.invoice_number}",
        f"תאריך תשלום: {hebrew_written_date(facts.issued_on, style)}",
        "",
        f'סה"כ לפני מע"מ: {hebrew_money(facts.amount - tax, facts.currency, style)}',
        f"{total}: {hebrew_money(facts.amount, facts.currency, style)}",
        "",
        "לשאלות: 03-5550199",
    ]


def _writer(facts: Truth, style: int) -> Callable[[Decimal], str]:
    return lambda amount: money(amount, facts.currency, style)


def _goods(name: str, rows: int) -> list[tuple[str, str, str]]:
    return [(f"{name} {row}", str(row % 7 + 1), f"{row * 3 + 5}.90") for row in range(1, rows + 1)]


def _tax(amount: Decimal) -> Decimal:
    return (amount * 18 / 118).quantize(Decimal("0.01"))

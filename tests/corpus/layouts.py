"""Layouts of invoicing programs that people use, as HTML: what their documents say where, not how they look.

Each takes one `Paper` and writes the words, the order and the tables that documents of that kind have: labels in
tables, sums before totals, customers beside vendors, due dates beside issue dates, references that are no number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Paper:
    """One document to be made, and what it says."""

    name: str
    layout: str
    tool: str  # chromium, libreoffice, reportlab, xelatex
    language: str
    vendor: str
    amount: str  # as a decimal number; negative for a refund
    currency: str  # "" for one that receipts are not kept in
    issued_on: str  # ISO
    number: str
    shown: dict[str, str] = field(default_factory=dict)  # how this paper writes its total, net, tax, dates
    is_receipt: bool = True

    def facts(self) -> dict[str, object]:
        """What an extraction should find."""
        if not self.is_receipt:
            return {"language": self.language, "receipt": False}
        return {
            "language": self.language,
            "vendor": self.vendor,
            "amount": self.amount,
            "currency": self.currency or None,
            "issued_on": self.issued_on,
            "invoice_number": self.number,
        }


def rows(*cells: tuple[str, ...], tag: str = "td") -> str:
    return "".join("<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>" for row in cells)


def page(body: str, *, direction: str = "ltr", language: str = "en") -> str:
    return f"""<!doctype html><html lang="{language}" dir="{direction}"><meta charset="utf-8"><style>
    body {{ font: 13px "Noto Sans", "Noto Sans Hebrew", sans-serif; margin: 24px; color: #222 }}
    h1 {{ font-size: 22px; font-weight: 600 }} table {{ border-collapse: collapse; width: 100%; margin: 14px 0 }}
    td, th {{ padding: 5px 8px; border-bottom: 1px solid #ddd; text-align: start }}
    .two {{ display: flex; justify-content: space-between; gap: 40px }} .end {{ text-align: end }}
    .totals {{ width: 45%; margin-inline-start: auto }} small {{ color: #777 }}
    </style><body>{body}</body></html>"""


def stripe(p: Paper) -> str:
    """A payment processor's invoice: the amount due stands in a sentence, then again in the table's foot."""
    s = p.shown
    return page(f"""<div class="two"><h1>Invoice</h1><b>{escape(p.vendor)}</b></div>
    <table style="width:50%">{
        rows(("Invoice number", p.number), ("Date of issue", s["date"]), ("Date due", s["due"]))
    }</table>
    <div class="two"><div><b>{escape(p.vendor)}</b><br>548 Market Street<br>San Francisco, California 94104<br>
    United States<br>billing@example.com</div><div><b>Bill to</b><br>Kolman Trading Ltd<br>12 Harbour Road<br>Haifa<br>
    accounts@kolman.example</div></div>
    <h2>{s["total"]} due {s["due"]}</h2><p><a href="https://pay.example.com">Pay online</a></p>
    <table>{rows(("Description", "Qty", "Unit price", "Amount"), tag="th")}
    {rows((s["item"], "7", s["unit"], s["net"]))}</table>
    <table class="totals">{
        rows(("Subtotal", s["net"]), (s["taxlabel"], s["tax"]), ("Total", s["total"]), ("Amount due", s["total"]))
    }</table><small>Page 1 of 1 · {p.number} · {s["total"]} due {s["due"]}</small>""")


def aws(p: Paper) -> str:
    """A cloud's bill: account numbers and a period before the number, totals with a word before the sign."""
    s = p.shown
    return page(f"""<div class="two"><div><h1>{escape(p.vendor)}</h1>Email or talk to us about your account or bill,
    visit example.com/contact-us</div><div class="end"><b>Invoice Summary</b></div></div>
    <table style="width:60%">{
        rows(
            ("Account number:", "738291046655"),
            ("Invoice Number:", p.number),
            ("Invoice Date:", s["date"]),
            ("TOTAL AMOUNT DUE ON " + s["due"], s["total"]),
        )
    }</table>
    <p>Bill to Address:<br>Kolman Trading Ltd<br>ATTN: Accounts Payable<br>12 Harbour Road, Haifa</p>
    <p>This invoice is for the billing period {s["period"]}</p><p>Greetings, we're writing to provide you with an
    electronic invoice for your use of our services in 2014 and later.</p>
    <table>{rows(("Summary", ""), tag="th")}{
        rows(
            ("AWS Service Charges", s["net"]),
            ("Charges", s["net"]),
            ("Credits", "$0.00"),
            (s["taxlabel"], s["tax"]),
            ("Total for this invoice", s["total"]),
        )
    }</table>""")


def quickbooks(p: Paper) -> str:
    """An accounting program's invoice with a balance and payments made before."""
    s = p.shown
    return page(f"""<div class="two"><div><b>{escape(p.vendor)}</b><br>4 Mill Lane<br>Leeds LS1 4AB<br>
    VAT Registration No.: GB 123 4567 89</div><h1>INVOICE</h1></div>
    <div class="two"><div><small>BILL TO</small><br>Kolman Trading Ltd<br>12 Harbour Road</div>
    <table style="width:40%">{
        rows(("INVOICE #", p.number), ("DATE", s["date"]), ("DUE DATE", s["due"]), ("TERMS", "Net 30"))
    }</table></div>
    <table>{rows(("ACTIVITY", "QTY", "RATE", "AMOUNT"), tag="th")}{rows((s["item"], "12", s["unit"], s["net"]))}</table>
    <table class="totals">{
        rows(("SUBTOTAL", s["net"]), (s["taxlabel"], s["tax"]), ("TOTAL", s["total"]), ("BALANCE DUE", s["total"]))
    }</table><p>Thank you for your business.</p>""")


def receipt(p: Paper) -> str:
    """What a shop's till or a subscription sends after payment: paid on, by which card."""
    s = p.shown
    return page(f"""<h1>Receipt from {escape(p.vendor)}</h1><p>Receipt #{p.number}</p>
    <table>{rows(("AMOUNT PAID", "DATE PAID", "PAYMENT METHOD"), tag="th")}
    {rows((s["total"], s["date"], "Visa - 4242"))}</table><b>SUMMARY</b>
    <table>{rows((s["item"] + " × 3", s["net"]), (s["taxlabel"], s["tax"]), ("Amount charged", s["total"]))}</table>
    <p>If you have any questions, contact us at help@example.com or call +1 415-555-0132.</p>
    <small>You're receiving this email because you made a purchase at {escape(p.vendor)}.</small>""")


def green_invoice(p: Paper) -> str:
    """The commonest of Hebrew documents: tax invoice and receipt in one, payments in a table of their own."""
    s = p.shown
    return page(
        f"""<div class="two"><div><b>{escape(p.vendor)}</b><br>ח.פ. 514839201<br>רחוב הרצל 14, תל אביב<br>
    טלפון: 03-5551234</div><div><small>מקור</small></div></div>
    <h1>חשבונית מס / קבלה {p.number}</h1><div class="two"><div>לכבוד: קולמן סחר בע"מ<br>ח.פ. 512345678</div>
    <div>תאריך: {s["date"]}</div></div>
    <table>{rows(("פירוט", "כמות", "מחיר יחידה", 'סה"כ'), tag="th")}
    {rows((s["item"], "5", s["unit"], s["net"]))}</table>
    <table class="totals">
    {rows(('סה"כ לפני מע"מ', s["net"]), (s["taxlabel"], s["tax"]), ('סה"כ לתשלום', s["total"]))}</table>
    <b>פרטי תשלום</b><table>{rows(("סוג תשלום", "פרטים", "תאריך", "סכום"), tag="th")}
    {rows(("כרטיס אשראי", "3 תשלומים, 4242", s["date"], s["total"]))}</table>
    <small>הופק באמצעות תוכנה לניהול חשבונות · מסמך ממוחשב חתום דיגיטלית</small>""",
        direction="rtl",
        language="he",
    )


def icount(p: Paper) -> str:
    """Another Hebrew program: the number after the word, a table without lines, the total last."""
    s = p.shown
    return page(
        f"""<h1>{escape(p.vendor)}</h1><p>עוסק מורשה 029384756</p><h2>קבלה מספר {p.number}</h2>
    <p>תאריך הפקה: {s["date"]}</p><p>עבור: קולמן סחר בע"מ</p><p>אסמכתא: 88301277</p>
    <table>{rows((s["item"], s["total"]))}</table><p>סה"כ שולם: {s["total"]}</p>
    <p>שולם בהעברה בנקאית, בנק 12 סניף 600</p>""",
        direction="rtl",
        language="he",
    )


LABELS = {
    "de": (
        "Rechnung",
        "Rechnungsnummer",
        "Rechnungsdatum",
        "Fällig am",
        "Nettobetrag",
        "Gesamtbetrag",
        "Kunde",
        "Menge",
    ),
    "nl": (
        "Factuur",
        "Factuurnummer",
        "Factuurdatum",
        "Vervaldatum",
        "Subtotaal",
        "Totaal te betalen",
        "Klant",
        "Aantal",
    ),
    "fr": ("Facture", "Facture n°", "Date de facturation", "Échéance", "Total HT", "Total TTC", "Client", "Qté"),
    "es": (
        "Factura",
        "Número de factura",
        "Fecha de emisión",
        "Vencimiento",
        "Base imponible",
        "Total a pagar",
        "Cliente",
        "Cantidad",
    ),
    "it": (
        "Fattura",
        "Fattura n.",
        "Data fattura",
        "Scadenza",
        "Imponibile",
        "Totale documento",
        "Cliente",
        "Quantità",
    ),
}


def european(p: Paper) -> str:
    """A small firm's invoice from the Continent: number and dates in a block, net, tax and gross."""
    s = p.shown
    title, number, issued, due, net, gross, customer, quantity = LABELS[p.language]
    return page(
        f"""<div class="two"><div><b>{escape(p.vendor)}</b><br>Hauptweg 21<br>10115</div><div>
    <small>{customer}</small><br>Kolman Trading Ltd<br>12 Harbour Road<br>Haifa</div></div><h1>{title}</h1>
    <table style="width:55%">{rows((number, p.number), (issued, s["date"]), (due, s["due"]))}</table>
    <table>{rows(("Pos.", s["itemlabel"], quantity, ""), tag="th")}{rows(("1", s["item"], "4", s["net"]))}</table>
    <table class="totals">{rows((net, s["net"]), (s["taxlabel"], s["tax"]), (gross, s["total"]))}</table>
    <small>IBAN DE02 1203 0000 0000 2020 51 · BIC BYLADEM1001</small>""",
        language=p.language,
    )


def sheet(p: Paper) -> str:
    """Lines of cells, as `shown["lines"]` has them: a line a row, cells parted by bars."""
    lines = [line.strip().split(" | ") for line in p.shown["lines"].strip().splitlines()]
    body = "".join(
        f"<table>{rows(tuple(line))}</table>" if len(line) > 1 else f"<p>{escape(line[0])}" for line in lines
    )
    direction = "rtl" if p.language == "he" else "ltr"
    return page(body, direction=direction, language=p.language)


HTML = {
    "sheet": sheet,
    "stripe": stripe,
    "aws": aws,
    "quickbooks": quickbooks,
    "receipt": receipt,
    "green_invoice": green_invoice,
    "icount": icount,
    "european": european,
}

"""The mails of the demo: clean receipts, unclear ones, copies, and mail that is none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Final, Literal

from demo.mailboxes import hostile, receipts
from demo.mailboxes.mime import attachment, envelope, mail, multipart, text
from demo.mailboxes.papers import drawn, photograph
from demo.mailboxes.receipts import Language, Truth

# clean: all its facts are known. review: a receipt that a person must check.
# copy: of an earlier clean receipt. other: no receipt. broken: can't be read.
LetterKind = Literal["clean", "review", "copy", "other", "broken"]

# Early enough that no demo mail is dated in the future.
FIRST_DAY: Final = datetime(2024, 1, 2, 7, 30, tzinfo=UTC)
APART: Final = timedelta(hours=11, minutes=7)


@dataclass(frozen=True)
class DemoMail:
    """A mail and its facts.

    `truths` has the facts of each receipt in it (clean and copy only); `fails_with` is the
    error code of a broken one. `padded_to` is its size in bytes where that is more than `raw`.
    """

    kind: LetterKind
    uid: int
    received_at: datetime
    message_id: str
    raw: bytes = field(repr=False)
    truths: tuple[Truth, ...] = ()
    fails_with: str = ""
    padded_to: int = 0


@dataclass(frozen=True)
class Slot:
    """A place in a mailbox, which alone determines its mail."""

    mailbox: str
    index: int

    @property
    def received_at(self) -> datetime:
        return FIRST_DAY + APART * self.index

    @property
    def message_id(self) -> str:
        return f"demo-{self.index:05}.{self.mailbox}"

    @property
    def language(self) -> Language:
        return "he" if self.index % 2 else "en"

    @property
    def truth(self) -> Truth:
        issued_on = (self.received_at - timedelta(days=self.index % 4)).date()
        return receipts.truth(self.index, self.language, issued_on)

    def headers(self, sender: str, address: str, subject: str) -> list[tuple[str, str]]:
        return envelope(sender, address, self.mailbox, subject, self.received_at, self.message_id)


Recipe = Callable[[Slot, Sequence[DemoMail]], DemoMail]


def write_mailbox(mailbox: str, recipes: Sequence[tuple[Recipe, int]]) -> tuple[DemoMail, ...]:
    """A mailbox with each recipe's number of mails, well mixed, in the order of their uids."""
    mails: list[DemoMail] = []
    for index, recipe in enumerate(_mixed(recipes)):
        mails.append(recipe(Slot(mailbox, index), mails))
    return tuple(mails)


def _mixed(recipes: Sequence[tuple[Recipe, int]]) -> Iterator[Recipe]:
    """All the recipes, spread evenly: each one's share of any stretch is its share of the whole."""
    places = chain.from_iterable(
        zip(((number + 0.5) / count for number in range(count)), repeat(order), repeat(recipe), strict=False)
        for order, (recipe, count) in enumerate(recipes)
    )
    return (recipe for _, _, recipe in sorted(places, key=lambda place: place[:2]))


def with_pdf(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """An invoice as PDF, of one to three pages."""
    rows = (4, 8, 6, 14, 5, 30)[slot.index % 6]
    paper = drawn(receipts.paper(slot.truth, slot.language, rows=rows, style=slot.index // 2))
    return _clean(slot, _pdf_mail(slot, paper))


def _pdf_mail(slot: Slot, paper: bytes) -> bytes:
    hebrew = slot.language == "he"
    number = slot.truth.invoice_number.replace("/", "-")
    name = f"חשבונית {number}.pdf" if hebrew else f"invoice-{number}.pdf"
    # Not every program says what it attaches; what it is shows in the bytes.
    declared = ("application/pdf", "application/octet-stream", "application/x-download")[slot.index % 3]
    subject = f"חשבונית מס {number}" if hebrew else f"Your invoice {number}"
    note = "מצורפת החשבונית שלך. תודה!" if hebrew else "Please find your document attached."
    charset = "windows-1255" if hebrew and slot.index % 3 == 0 else "utf-8"
    headers = slot.headers(slot.truth.vendor, receipts.address_of(slot.truth.vendor), subject)
    return mail(headers, multipart([text(note, charset=charset), attachment(paper, name, declared)]))


def with_html(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """A receipt that is the mail itself, as HTML, sometimes beside a text that says nothing."""
    page = text(
        receipts.html(slot.truth, slot.language, slot.index // 2),
        kind="html",
        encoding=("base64", "quoted-printable", "8bit")[slot.index % 3],
    )
    stub = text("This mail is best read as HTML.", encoding="7bit")
    part = multipart([stub, page], kind="alternative") if slot.index % 4 < 2 else page
    return _clean(slot, mail(_service_headers(slot), part))


def with_text(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """A receipt in plain text; the Hebrew ones in the character sets of their day."""
    style = slot.index // 2
    charset = ("utf-8", "windows-1255", "iso-8859-8-i")[style % 3] if slot.language == "he" else "utf-8"
    content = receipts.text(slot.truth, slot.language, style)
    # The Hebrew character sets of the nineties have neither the shekel's sign nor curly quotes.
    content = content.replace("₪", "").replace("״", '"') if charset == "iso-8859-8-i" else content
    if charset == "iso-8859-8-i" and slot.truth.currency == "ILS":
        content = content.replace(' ש"ח', "") + '\nהסכומים בש"ח\n'
    part = text(content, charset="utf-8" if charset == "iso-8859-8-i" else charset)
    return _clean(slot, mail(_service_headers(slot), part))


def _service_headers(slot: Slot) -> list[tuple[str, str]]:
    subject = "אישור תשלום" if slot.language == "he" else "Payment confirmation"
    return slot.headers(slot.truth.vendor, receipts.address_of(slot.truth.vendor), subject)


def _clean(slot: Slot, raw: bytes, facts: Truth | None = None) -> DemoMail:
    return DemoMail("clean", slot.index + 1, slot.received_at, slot.message_id, raw, (facts or slot.truth,))


def sent_twice(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """The very mail that came before: a mail server delivered it again."""
    first = _a_paper_before(slot, earlier)
    return DemoMail("copy", slot.index + 1, slot.received_at, first.message_id, first.raw, first.truths)


def forwarded(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """An earlier mail, passed on by a person: the same paper under another Message-ID."""
    first = _a_paper_before(slot, earlier)
    headers = slot.headers("Dana Levi", "dana.levi@gmail.com", "Fwd: for the bookkeeper")
    parts = [text("See below.", encoding="7bit"), b"Content-Type: message/rfc822\r\n\r\n" + first.raw]
    raw = mail(headers, multipart(parts, border="=_forward"))
    return DemoMail("clean", slot.index + 1, slot.received_at, slot.message_id, raw, first.truths)


def _a_paper_before(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    papers = [one for one in earlier if one.kind == "clean" and b"filename" in one.raw and b"rfc822" not in one.raw]
    return papers[slot.index % len(papers)]


def unclear(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """A receipt that doesn't say enough, or says two things."""
    contents = (
        "Invoice 70011\nTotal due: $120.00\nTotal due: $210.00\nDate: 2024-05-05",
        "Receipt no. 70012\nTotal paid: 88.00",
        'חשבונית מס 70013\nסה"כ לתשלום: 150.00 ש"ח\nסה"כ לתשלום: 151.00 ש"ח',
        "Tax invoice 70014\nGrand total: CA$ 99.00\nDate: 2024-06-01",
    )
    subject = "חשבונית" if slot.index % 2 else "Invoice"
    raw = mail(
        slot.headers("Unclear Affairs", "billing@unclear.example", subject),
        text(contents[slot.index % len(contents)]),
    )
    return DemoMail("review", slot.index + 1, slot.received_at, slot.message_id, raw)


def photographed(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """A picture of a receipt: kept, and left for a person to read."""
    lines = (
        "TAXI DAVID",
        f"{slot.received_at:%d/%m/%Y %H:%M}",
        f"Ride no. {slot.index}",
        "",
        "Total  87.40 ILS",
        "Thank you",
    )
    name = "קבלה.jpg" if slot.index % 2 else "receipt.jpg"
    parts = [text("From the taxi."), attachment(photograph(lines), name, "image/jpeg")]
    headers = slot.headers("Dana Levi", "dana.levi@gmail.com", "קבלה" if slot.index % 2 else "Receipt")
    return DemoMail("review", slot.index + 1, slot.received_at, slot.message_id, mail(headers, multipart(parts)))


def refunded(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """Money that comes back: its amount is below zero."""
    facts = replace(slot.truth, amount=-slot.truth.amount, invoice_number=f"CN-{slot.index}")
    lines = (
        f"Credit note from {facts.vendor}",
        f"Credit note number: {facts.invoice_number}",
        f"Date: {facts.issued_on:%Y-%m-%d}",
        f"Total refund: {facts.amount} {facts.currency}",
    )
    headers = slot.headers(facts.vendor, receipts.address_of(facts.vendor), "Your credit note")
    return _clean(slot, mail(headers, text("\n".join(lines))), facts)


def newsletter(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """Advertising; it speaks of receipts and prices, and is none."""
    subject, content = (
        ("Five tips to keep every receipt", "Never lose a receipt again! Only $9.99 a month."),
        ("מבצע סוף עונה", 'עד 50% הנחה! רק ב-99 ש"ח. קבלה לכל קונה.'),
        ("Your weekly digest", "What moved this week, in ten minutes."),
        ("הזמנה לכנס רואי חשבון", "נדבר על חשבונית דיגיטלית. דמי השתתפות: 350 ₪."),
    )[slot.index % 4]
    headers = slot.headers("The Ledger Weekly", "news@ledger.example", subject)
    page = f"<html><body><h1>{subject}</h1><p>{content}</p>" + "<p>Read more.</p>" * 40 + "</body></html>"
    parts = [text(content), text(page, kind="html", encoding="quoted-printable")]
    raw = mail([*headers, ("List-Unsubscribe", "<mailto:leave@ledger.example>")], multipart(parts, kind="alternative"))
    return DemoMail("other", slot.index + 1, slot.received_at, slot.message_id, raw)


def conversation(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """People writing to each other."""
    subject, content = (
        ("Lunch on Thursday?", "Same place at one? I'll bring the plans."),
        ("פגישה מחר", "נתראה בעשר במשרד, אל תשכחו את המצגת."),
        ("Re: the contract", "Looks good to me, two small remarks on page 3."),
        ("תמונות מהטיול", "מצורפות התמונות, היה כיף!"),
    )[slot.index % 4]
    headers = slot.headers("Noa Bar", "noa.bar@friends.example", subject)
    return DemoMail("other", slot.index + 1, slot.received_at, slot.message_id, mail(headers, text(content)))


def odd_but_fine(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
    """A receipt in a mail with every oddity that does no harm: its reader must not stumble."""
    paper = drawn(receipts.paper(slot.truth, slot.language, rows=3, style=0))
    headers = slot.headers(slot.truth.vendor, receipts.address_of(slot.truth.vendor), "Invoice")
    raw = mail(
        [*headers, ("X-Empty", ""), ("X-Long", "x" * 20_000)],
        multipart(
            [
                text("nul \x00 and direction \u202e marks", encoding="8bit"),
                attachment(paper, "..\\..\\../../etc/passwd.pdf", "text/x-nothing"),
                attachment(hostile.zip_bomb(), "invoice.zip", "application/zip"),
            ]
        ),
    )
    return _clean(slot, raw)


def broken(number: int) -> Recipe:
    """The recipe for the mail number `number` of `hostile.MAILS`."""

    def recipe(slot: Slot, earlier: Sequence[DemoMail]) -> DemoMail:
        sample = hostile.MAILS[number]
        headers = slot.headers(sample.name, "stranger@hostile.example", f"Invoice: {sample.name}")
        return DemoMail(
            "broken",
            slot.index + 1,
            slot.received_at,
            slot.message_id,
            sample.make(headers),
            fails_with=sample.fails_with,
            padded_to=sample.padded_to,
        )

    return recipe

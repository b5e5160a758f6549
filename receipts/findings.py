"""What `extraction.scan` finds in a mail, and the documents in which it finds it.

Kept apart from the extraction code, whose hundreds of patterns take half a second to compile at every start: only the
child process that scans needs those, and no worker or web process.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from runs.item_failed import ItemFailed

# Increased when the same mail may give other facts. Stored on each receipt: a sync that reads the mail again updates
# undecided receipts of an earlier version.
EXTRACTOR_VERSION: Final = 4


@dataclass(frozen=True)
class Document:
    """A file that came with a mail.

    `filename` is safe to store: no path, no control characters, an ending that fits
    `content_type`, which was found by looking at `content`. `sha256` is the hex digest. `charset` is the one that the
    mail declares for HTML, as Python names it, "" where it declares none that is known.
    """

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    sha256: str
    charset: str = ""


@dataclass(frozen=True)
class Finding:
    """What one receipt says.

    Unknown is None or "", never a guess. `currency` is ILS, USD, EUR or GBP. `amount` is negative for a refund.
    `confidence` goes from 0 to 1 in hundredths; `needs_review` asks a person to look, for `review_reasons`.
    """

    vendor: str
    amount: Decimal | None
    currency: str
    issued_on: date | None
    invoice_number: str
    confidence: Decimal
    needs_review: bool
    is_refund: bool = False
    review_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scanned:
    """A mail after scanning.

    `sent_at` is aware, None when the mail doesn't say. A candidate has one finding for each
    receipt in it, with the document it stands in or None for the mail's own text. `faults`
    says which of its parts could not be read. `text` is the mail's own, cut, where `needs_mail` holds for a finding.
    """

    message_id: str
    subject: str
    sender: str
    sent_at: datetime | None
    is_candidate: bool
    findings: tuple[tuple[Document | None, Finding], ...]
    faults: tuple[ItemFailed, ...] = ()
    text: str = ""


def needs_mail(document: Document | None, finding: Finding) -> bool:
    """Whether a reviewer needs the text of the mail to judge the finding."""
    return document is None or finding.needs_review

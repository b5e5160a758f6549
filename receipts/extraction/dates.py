"""The day a document was issued, chosen from the dates on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from receipts.extraction.date_labels import find_labelled_dates
from receipts.extraction.written_dates import NEAR_AFTER, infer_day_first, read_day

# In the order in which they are believed; "" is a date without a label.
_BELIEVED: Final = ("issue", "title", "any", "payment", "order", "weak", "")


@dataclass(frozen=True)
class IssueDate:
    day: date
    is_ambiguous: bool = False


def find_issue_date(
    lines: Sequence[str], day_first: bool | None, sent_at: datetime | None, *, is_invoice: bool = False
) -> IssueDate | None:
    """The day of the strongest label in the folded lines."""
    found = list(find_labelled_dates(lines))
    if day_first is None:
        day_first = infer_day_first(match for _kind, match in found)
    for kind in _BELIEVED:
        of_kind = [match for labelled_as, match in found if labelled_as == kind]
        days = list(dict.fromkeys(day for match in of_kind if (day := read_day(match, day_first, sent_at))))
        if days:
            is_late = sent_at is not None and days[0] > sent_at.date() + NEAR_AFTER
            # The day on which something was ordered is rarely the day on which its invoice was written.
            is_other = kind == "order" and is_invoice
            is_clear = len(days) == 1 or kind == "title"
            return IssueDate(days[0], is_ambiguous=not is_clear or is_late or is_other)
        if of_kind:
            # The day of this label can be read in two ways; one of a weaker label would be a guess.
            return None
    return None

"""Why a person should review a receipt: the codes that are stored, and their messages."""

from enum import StrEnum
from typing import Final

from receipts.phrases import mark_phrase as _


class ReviewReason(StrEnum):
    """Stored as a list on the receipt; codes are never renamed."""

    UNREAD_DOCUMENT = "unread_document"
    PICTURE = "picture"
    UNREAD_PART = "unread_part"
    DISAGREES_WITH_MAIL = "disagrees_with_mail"
    TAKEN_FROM_MAIL = "taken_from_mail"
    SHOWS_OTHER_AMOUNT = "shows_other_amount"
    NO_AMOUNT = "no_amount"
    NO_CURRENCY = "no_currency"
    NO_DATE = "no_date"
    NO_VENDOR = "no_vendor"
    AMBIGUOUS_AMOUNT = "ambiguous_amount"
    AMBIGUOUS_DATE = "ambiguous_date"
    AMBIGUOUS_VENDOR = "ambiguous_vendor"
    SEVERAL_RECEIPTS = "several_receipts"
    NOT_CERTAIN_RECEIPT = "not_certain_receipt"
    LOW_CONFIDENCE = "low_confidence"


MESSAGES: Final = {
    ReviewReason.UNREAD_DOCUMENT: _("The text of the document could not be read."),
    ReviewReason.PICTURE: _("The document is a picture, and pictures are not read."),
    ReviewReason.UNREAD_PART: _("A part of the message could not be read."),
    ReviewReason.DISAGREES_WITH_MAIL: _("The document and the message don't match."),
    ReviewReason.TAKEN_FROM_MAIL: _("The amount is in the message, not in the document."),
    ReviewReason.SHOWS_OTHER_AMOUNT: _("The document and the e-invoice inside it show different amounts."),
    ReviewReason.NO_AMOUNT: _("No amount was found."),
    ReviewReason.NO_CURRENCY: _("No currency was found, or it isn't supported."),
    ReviewReason.NO_DATE: _("No date was found."),
    ReviewReason.NO_VENDOR: _("No vendor was found."),
    ReviewReason.AMBIGUOUS_AMOUNT: _("The amount may be wrong."),
    ReviewReason.AMBIGUOUS_DATE: _("The date may be wrong."),
    ReviewReason.AMBIGUOUS_VENDOR: _("The vendor may be wrong."),
    ReviewReason.SEVERAL_RECEIPTS: _("The document contains several invoices, and only one of them was read."),
    ReviewReason.NOT_CERTAIN_RECEIPT: _("This may not be a receipt."),
    ReviewReason.LOW_CONFIDENCE: _("Little of the document could be read with certainty."),
}

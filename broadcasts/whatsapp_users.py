"""People as Meta names them: by number, by an id of Meta's own, or by both.

1. Meta may name people who have hidden their number by id alone, if no number of the business has talked with them for
   30 days. Statuses and messages that name both are noted (`note_numbers`), so that such an id is known by then.
2. An opt-out by an id without a known number is stored under the id, and moves to the number as soon as that is known.
   Both lock the id's row first, so neither can miss the other.

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from . import opt_outs
from .models import OptOut, Recipient, WhatsAppUser
from .numbers import find_numbers
from .opt_out_phrases import OptOutRequest
from .opt_outs import Person


def apply_request(
    business: int,
    wa_id: str,
    user_id: str,
    request: OptOutRequest,
    source: OptOut.Source,
    at: datetime,
    words: str = "",
) -> None:
    """Stop or resume under every number that an audience may contain for this person."""

    def apply_to(person: Person) -> None:
        if request == OptOutRequest.STOP:
            opt_outs.record_stop(person, source, at, words)
        else:
            opt_outs.record_resume(person, source, at)

    if user_id and not find_numbers(wa_id):
        with transaction.atomic():
            users = WhatsAppUser.objects.select_for_update()
            wa_id = users.get_or_create(business_id=business, user_id=user_id)[0].wa_id
            if not wa_id:
                apply_to(Person(business, "", user_id))
    for phone in phones_of(business, wa_id):
        apply_to(Person(business, phone))


def match_user(wa_id: str, user_id: str) -> dict[str, str]:
    """The id with its number, where an update names both."""
    return {user_id: wa_id} if user_id and find_numbers(wa_id) else {}


def note_numbers(business: int, wa_ids: Mapping[str, str]) -> None:
    """Store the numbers of user ids that had none, and move their opt-outs to the numbers."""
    known = WhatsAppUser.objects.filter(business=business, user_id__in=list(wa_ids)).exclude(wa_id="")
    new = sorted(set(wa_ids) - set(known.values_list("user_id", flat=True)))
    if not new:
        return
    with transaction.atomic():
        WhatsAppUser.objects.bulk_create(
            (WhatsAppUser(business_id=business, user_id=user_id, wa_id=wa_ids[user_id]) for user_id in new),
            update_conflicts=True,
            unique_fields=["business", "user_id"],
            update_fields=["wa_id"],
        )
        for row in OptOut.objects.filter(business=business, phone="", user_id__in=new).order_by("pk"):
            opt_outs.assign_numbers(row, phones_of(business, wa_ids[row.user_id]))


def phones_of(business: int, wa_id: str) -> list[str]:
    """The numbers under which an audience may contain this person; mostly one, sometimes not the one WhatsApp uses."""
    same = Recipient.objects.filter(wa_id=wa_id or None, run__business=business)
    return sorted(find_numbers(wa_id).union(same.values_list("phone", flat=True)))

"""Who has written, by whatever Meta names them: a number, an id of Meta's own, or both.

1. Meta may tell only the id of somebody who has hidden their number, and none of the business's numbers has talked
   with for 30 days. Statuses and messages that name both are kept (`learn`), so that such an id is known by then.
2. A wish by an id whose number nobody has told is kept by the id, and becomes the number's as soon as it is told.
   Both lock the id's row first, so neither can miss the other.

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from . import opt_outs
from .models import OptOut, Recipient, WhatsAppUser
from .numbers import numbers_of
from .opt_out_phrases import OptOutRequest
from .opt_outs import Person


def heed(
    business: int, wa_id: str, user_id: str, wish: OptOutRequest, source: OptOut.Source, at: datetime, words: str = ""
) -> None:
    """Do what the person wants, under every number that an audience may hold for them."""

    def do(person: Person) -> None:
        if wish == OptOutRequest.STOP:
            opt_outs.stop(person, source, at, words)
        else:
            opt_outs.resume(person, source, at)

    if user_id and not numbers_of(wa_id):
        with transaction.atomic():
            users = WhatsAppUser.objects.select_for_update()
            wa_id = users.get_or_create(business_id=business, user_id=user_id)[0].wa_id
            if not wa_id:
                do(Person(business, "", user_id))
    for phone in phones_of(business, wa_id):
        do(Person(business, phone))


def learn(business: int, wa_ids: Mapping[str, str]) -> None:
    """Note whose number each user id stands for, where that is news."""
    known = WhatsAppUser.objects.filter(business=business, user_id__in=list(wa_ids)).exclude(wa_id="")
    news = sorted(set(wa_ids) - set(known.values_list("user_id", flat=True)))
    if not news:
        return
    with transaction.atomic():
        WhatsAppUser.objects.bulk_create(
            (WhatsAppUser(business_id=business, user_id=user_id, wa_id=wa_ids[user_id]) for user_id in news),
            update_conflicts=True,
            unique_fields=["business", "user_id"],
            update_fields=["wa_id"],
        )
        for row in OptOut.objects.filter(business=business, phone="", user_id__in=news).order_by("pk"):
            opt_outs.give_number(row, phones_of(business, wa_ids[row.user_id]))


def phones_of(business: int, wa_id: str) -> list[str]:
    """The numbers under which somebody may be in an audience; mostly one, sometimes another than WhatsApp's own."""
    same = Recipient.objects.filter(wa_id=wa_id or None, run__business=business)
    return sorted(numbers_of(wa_id).union(same.values_list("phone", flat=True)))

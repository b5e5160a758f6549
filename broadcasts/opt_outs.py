"""Opt-outs: who wants no broadcasts, since which event, and who may lift that.

1. A person stops by a message, by WhatsApp's own switch, or by being refused (131050); a member adds a number.
2. Only the person lifts an opt-out of their own; only a member lifts one that a member added.
3. Of a person's events the later one by Meta's clock counts, in whatever order and however often they come. So a
   "resume" is stored even if there was no stop before. Of two events in the same second, the stop counts.
4. A stop and the skipping of pending recipients are one transaction, and the statement that puts a message in flight
   excludes numbers of the list (`Recipient.begins_if`). So nothing is sent after a stop that was committed before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from runs.models import Business

from .audience import skip_recipients
from .models import OptOut, Recipient
from .numbers import find_numbers

MAX_WORDS = 100  # characters
Source = OptOut.Source


@dataclass(frozen=True)
class Person:
    """A person in one business: by their number, or by Meta's id for them while no number is known."""

    business_id: int
    phone: str
    user_id: str = ""


def record_stop(person: Person, source: OptOut.Source, at: datetime, words: str = "") -> None:
    """The person wants no more messages. Changes nothing if they wanted them again later than `at`."""
    with transaction.atomic():
        row, is_new = get_or_create_locked(person, source=source, words=words[:MAX_WORDS], decided_at=at, created_at=at)
        if not is_new and (row.decided_at is None or row.decided_at <= at):
            update_row(row, decided_at=at)
            if row.lifted_at is not None:
                update_row(row, created_at=at, lifted_at=None, lifted_by=None, source=source, words=words[:MAX_WORDS])
            elif not row.is_by_the_person:  # else a member could still lift it
                update_row(row, source=source, words=words[:MAX_WORDS])
        if row.lifted_at is None:
            skip_pending_recipients(person)


def record_resume(person: Person, source: OptOut.Source, at: datetime) -> None:
    """The person wants messages again: lift an earlier opt-out of their own."""
    with transaction.atomic():
        row, is_new = get_or_create_locked(person, source=source, decided_at=at, created_at=at, lifted_at=at)
        if not is_new and (row.decided_at is None or row.decided_at < at):
            update_row(row, decided_at=at)
            if row.lifted_at is None and row.is_by_the_person:
                update_row(row, lifted_at=at)


def assign_numbers(row: OptOut, phones: Iterable[str]) -> None:
    """Replace an opt-out by id with opt-outs of the numbers that the id belongs to."""
    with transaction.atomic():
        for phone in phones:
            person, at = Person(row.business_id, phone), row.decided_at or row.created_at
            if row.lifted_at is None:
                record_stop(person, Source(row.source), at, row.words)
            else:
                record_resume(person, Source(row.source), at)
        row.delete()


def add_opt_out(business: Business, phone: str, words: str, by: User) -> tuple[OptOut, bool]:
    """A member adds a number in all its forms, and only a member can lift it. Returns its row, and did it change?"""
    with transaction.atomic():
        added = {form: add_number(Person(business.pk, form), words, by) for form in sorted(find_forms(phone))}
    row, is_changed = added[phone]
    row.refresh_from_db()
    return row, is_changed


def add_number(person: Person, words: str, by: User) -> tuple[OptOut, bool]:
    """Called in a transaction."""
    columns = {"source": Source.MEMBER, "words": words[:MAX_WORDS], "added_by": by}
    row, is_new = get_or_create_locked(person, **columns)
    is_changed = is_new or row.lifted_at is not None
    if is_changed and not is_new:
        update_row(row, **columns, created_at=Now(), lifted_at=None, lifted_by=None)
    skip_pending_recipients(person)
    return row, is_changed


def lift_opt_out(row: OptOut, by: User) -> bool:
    """Lift an opt-out that a member added, and record who lifted it and when. False if the person opted out."""
    added_by_member = OptOut.objects.in_force().filter(business=row.business_id, source=Source.MEMBER)
    lifted = {"lifted_at": Now(), "lifted_by": by}
    with transaction.atomic():
        if not added_by_member.filter(pk=row.pk).update(**lifted):
            return False
        added_by_member.filter(phone__in=find_forms(row.phone)).update(**lifted)
    return True


def find_forms(phone: str) -> set[str]:
    """The numbers of the same person, this one among them."""
    return {phone, *find_numbers(phone.lstrip("+"))}


def get_or_create_locked(person: Person, **columns: object) -> tuple[OptOut, bool]:
    """The person's row, locked; made with these columns if there is none. Was it made?"""
    rows, user_id = OptOut.objects.select_for_update(), "" if person.phone else person.user_id
    return rows.get_or_create(business_id=person.business_id, phone=person.phone, user_id=user_id, defaults=columns)


def update_row(row: OptOut, **columns: object) -> None:
    OptOut.objects.filter(pk=row.pk).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def skip_pending_recipients(person: Person) -> None:
    skip_recipients(Recipient.objects.filter(phone=person.phone, run__business=person.business_id), "opted_out")

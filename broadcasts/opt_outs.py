"""Stop means stop: who wants no broadcasts, by which event, and who may take that back.

1. A person stops by words, by WhatsApp's own switch, or by being refused (131050); a member adds a number.
2. The person takes back what the person has stopped; a member takes back what a member has added, and nothing else.
3. Of a person's events the later one counts, by Meta's clock, in whatever order and however often they come. So a
   "resume" is kept too where nobody has stopped yet. Of two in one second, the stop counts.
4. A stop and the skipping of whoever is still pending are one transaction, and no message is put in flight to a number
   that is on the list (`Recipient.begins_if`). What is committed here first is never sent to.
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

MAX_WORDS = 100  # characters
Source = OptOut.Source


@dataclass(frozen=True)
class Person:
    """To a business: by their number; by Meta's id for them only where no number is known."""

    business: int
    phone: str
    user_id: str = ""


def stop(person: Person, source: OptOut.Source, at: datetime, words: str = "") -> None:
    """The person wants no more. Says nothing where the person has said later that they do."""
    with transaction.atomic():
        row, is_new = _locked(person, source=source, words=words[:MAX_WORDS], decided_at=at, created_at=at)
        if not is_new and (row.decided_at is None or row.decided_at <= at):
            _write(row, decided_at=at)
            if row.lifted_at is not None:
                _write(row, created_at=at, lifted_at=None, lifted_by=None, source=source, words=words[:MAX_WORDS])
            elif not row.is_by_the_person:  # a member could take it back otherwise
                _write(row, source=source, words=words[:MAX_WORDS])
        if row.lifted_at is None:
            _skip_pending(person)


def resume(person: Person, source: OptOut.Source, at: datetime) -> None:
    """The person wants messages again: it takes back an earlier stop of the person's own."""
    with transaction.atomic():
        told = {"source": source, "decided_at": at, "created_at": at, "lifted_at": at}
        row, is_new = _locked(person, **told)
        if not is_new and (row.decided_at is None or row.decided_at < at):
            _write(row, decided_at=at)
            if row.lifted_at is None and row.is_by_the_person:
                _write(row, lifted_at=at)


def give_number(row: OptOut, phones: Iterable[str]) -> None:
    """Meta has told whose the id is that somebody has stopped by: what holds for the id holds for the numbers."""
    with transaction.atomic():
        for phone in phones:
            if row.lifted_at is None:
                stop(Person(row.business_id, phone), Source(row.source), row.decided_at or row.created_at, row.words)
            else:
                resume(Person(row.business_id, phone), Source(row.source), row.decided_at or row.created_at)
        row.delete()


def add(business: Business, phone: str, words: str, by: User) -> tuple[OptOut, bool]:
    """A member says so; only a member can take it back then. Answers the row, and whether it changed."""
    person = Person(business.pk, phone)
    with transaction.atomic():
        told = {"source": Source.MEMBER, "words": words[:MAX_WORDS], "added_by": by}
        row, is_new = _locked(person, **told)
        is_changed = is_new or row.lifted_at is not None
        if is_changed and not is_new:
            _write(row, **told, created_at=Now(), lifted_at=None, lifted_by=None)
        _skip_pending(person)
    row.refresh_from_db()
    return row, is_changed


def lift(row: OptOut, by: User) -> bool:
    """Take back what a member has added; the row keeps who and when. False where the person has stopped."""
    mine = OptOut.objects.in_force().filter(pk=row.pk, source=Source.MEMBER)
    return bool(mine.update(lifted_at=Now(), lifted_by=by))


def _locked(person: Person, **told: object) -> tuple[OptOut, bool]:
    """The person's row, made of `told` where there is none."""
    rows, user_id = OptOut.objects.select_for_update(), "" if person.phone else person.user_id
    return rows.get_or_create(business_id=person.business, phone=person.phone, user_id=user_id, defaults=told)


def _write(row: OptOut, **columns: object) -> None:
    OptOut.objects.filter(pk=row.pk).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def _skip_pending(person: Person) -> None:
    skip_recipients(Recipient.objects.filter(phone=person.phone, run__business=person.business), "opted_out")

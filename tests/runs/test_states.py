"""G4, never backwards: the database itself refuses every transition that `TRANSITIONS` doesn't allow."""

from itertools import product

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from runs.models import Business
from runs.states import TRANSITIONS, Status
from tests.actors import start_counting
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db

ALLOWED = {(transition.source, transition.target) for transition in TRANSITIONS}
FORBIDDEN = [pair for pair in product(Status, Status) if pair not in ALLOWED and pair[0] != pair[1]]


def set_by_hand(run: CountingRun, status: Status) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {CountingRun._meta.db_table} SET status = %s WHERE id = %s", [status, run.pk])


def bring_to(run: CountingRun, status: Status) -> None:
    """By allowed transitions only."""
    for step in {Status.PAUSED: [Status.RUNNING], Status.COMPLETED: [Status.RUNNING]}.get(status, []):
        set_by_hand(run, step)
    if status != Status.QUEUED:
        set_by_hand(run, status)


@pytest.mark.parametrize(("source", "target"), sorted(ALLOWED))
def test_an_allowed_transition_is_accepted(business_a: Business, source: Status, target: Status) -> None:
    run = start_counting(business_a)
    bring_to(run, source)
    set_by_hand(run, target)
    run.refresh_from_db()
    assert run.status == target


@pytest.mark.parametrize(("source", "target"), FORBIDDEN)
def test_any_other_transition_is_refused(business_a: Business, source: Status, target: Status) -> None:
    run = start_counting(business_a)
    bring_to(run, source)
    with pytest.raises(ProgrammingError, match="Invalid transition"):
        set_by_hand(run, target)


def test_nothing_leaves_completed() -> None:
    assert not [transition for transition in TRANSITIONS if transition.source == Status.COMPLETED]

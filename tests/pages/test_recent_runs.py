"""Each page of a run type lists its last runs as the history does: who started them, how long, how fast, what came."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.utils.html import strip_tags

from recordings.models import RecordingRun
from runs.models import Business, Run
from runs.states import Status
from tests.cast import MakeRun
from tests.telephony import folder_source
from tests.whatsapp import broadcast, create_account, numbers

RECENT = re.compile(r'<section class="card last" id="recent".*?</section>', re.DOTALL)


@pytest.fixture
def ended(business_a: Business, member_a: User, make_run: MakeRun, tmp_path: Path) -> dict[str, Run]:
    """The page's address, and its run: 80 items in 40 s."""
    recording = RecordingRun.objects.create(business=business_a, source=folder_source(business_a, tmp_path))
    runs: dict[str, Any] = {
        "receipts": make_run(business_a, receipts_found=7),
        "broadcasts": broadcast(create_account(business_a), numbers(1)),
        "recordings": recording,
    }
    for run in runs.values():
        rows = type(run).objects.filter(pk=run.pk)
        rows.transition_to(Status.RUNNING, attempt=1, started_at=Now())
        rows.update(total=80, processed=80, succeeded=80, pace=[[40.0, 80]], created_by=member_a)
        rows.transition_to(Status.COMPLETED, progress_pct=100.0, finished_at=Now())
    return runs


@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("receipts", "receipts/?run={}#receipts"),
        ("broadcasts", "broadcasts/?run={}&amp;state=sent#recipients"),
        ("recordings", "recordings/?run={}#calls"),
    ],
)
@pytest.mark.parametrize("part", ["", "found/"])
def test_it_says_as_much_as_the_history(
    client: Client, member_a: User, ended: dict[str, Run], page: str, result: str, part: str
) -> None:
    client.force_login(member_a)
    [section] = RECENT.findall(client.get(f"/b/business-a/{page}/{part}").content.decode())
    assert f'href="/b/business-a/{result.format(ended[page].pk)}"' in section
    text = strip_tags(section)
    assert "started by member-a" in text
    assert "2 / s on average" in text


def test_a_row_of_broadcasts_opens_its_recipients(client: Client, member_a: User, ended: dict[str, Run]) -> None:
    client.force_login(member_a)
    [section] = RECENT.findall(client.get("/b/business-a/broadcasts/").content.decode())
    assert f'href="/b/business-a/broadcasts/?run={ended["broadcasts"].pk}" aria-current="true"' in section

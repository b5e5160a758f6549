"""The checker of G1 to G7 (`benchmarks/guarantees`) finds each kind of damage, and none in an undamaged database."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from benchmarks.guarantees import isolation
from benchmarks.guarantees.checker import check
from benchmarks.guarantees.findings import Findings
from benchmarks.guarantees.logs import (
    BadAnswer,
    Deadlocks,
    Death,
    Fetch,
    Logs,
    Mail,
    Observation,
    PersonRequest,
    Record,
    RunningLimit,
    Send,
    SlotLook,
    Start,
)
from benchmarks.guarantees.timeline import events_of
from broadcasts.audience import read_pasted
from broadcasts.models import OutboxMessage, ProviderAccount, WhatsAppBroadcast
from broadcasts.starting import Draft, start_broadcast
from progress_project.local import postgres
from receipts.models import Receipt, ReceiptSyncRun
from recordings.models import Call, Recording, RecordingRun
from runs.api import run_responses
from runs.drill.models import DrillRun, DrillStep
from runs.lifecycle.dispatch import reopen
from runs.models import Business, Run
from runs.models.audit import Actor, audit_context
from runs.readers.one_run import fetch_run
from runs.states import Status
from tests.cast import MakeRun
from tests.claims import claim_run
from tests.telephony import folder_source, wav
from tests.whatsapp import numbers

pytestmark = pytest.mark.django_db

STEPS, MESSAGES, RECIPIENTS = 4, 3, 3
PERSON = Actor("person", "somebody")
OBSERVATION = Observation("fetch_repaired", "drill", 1, "running", 2, 50.0, 1.0, 300.0)


@dataclass
class World:
    """A completed run of each type, as workers leave it."""

    drill: DrillRun
    sync: ReceiptSyncRun
    broadcast: WhatsAppBroadcast
    collection: RecordingRun
    other: Business
    logs: Logs

    def log(self, *records: Record) -> None:
        self.logs.append(records)

    def set(self, run: Run, **columns: Any) -> None:
        type(run).objects.filter(pk=run.pk).update(**columns)

    def set_change(self, run: Run, which: int, **columns: Any) -> None:
        """Forge the timeline: its oldest change is 0, its newest -1."""
        changes = list(events_of(type(run)).filter(pgh_obj=run.pk).order_by("pgh_id"))
        events_of(type(run)).filter(pk=changes[which].pk).update(**columns)


def counted(done: int) -> dict[str, Any]:
    return {"total": done, "processed": done, "succeeded": done, "progress_pct": 100.0}


@pytest.fixture
def world(
    business_a: Business, business_b: Business, make_run: MakeRun, make_sync_run: MakeRun, tmp_path: Path
) -> World:
    return World(
        drill(business_a, make_run),
        sync(business_a, make_sync_run),
        broadcast(business_a),
        collection(business_a, make_run, tmp_path / "exchange"),
        business_b,
        Logs(tmp_path / "logs"),
    )


def drill(business: Business, make_run: MakeRun) -> DrillRun:
    run: DrillRun = make_run(business, "completed", model=DrillRun, start_with={"steps": STEPS}, **counted(STEPS))
    for number in range(STEPS):
        DrillStep.objects.create(run=run, number=number, attempt=1)
    return run


def sync(business: Business, make_sync_run: MakeRun) -> ReceiptSyncRun:
    run: ReceiptSyncRun = make_sync_run(business, "completed", **counted(MESSAGES))
    for uid in range(1, MESSAGES + 1):
        run.items.create(key=f"7:{uid}", status="done")
    receipt = Receipt(business=business, mailbox=run.mailbox, message_id="<1@a>", attachment_sha256="0a1b")
    receipt.file.save("receipts/0a1b", ContentFile(b"receipt"))
    return run


def broadcast(business: Business) -> WhatsAppBroadcast:
    account = ProviderAccount.objects.create(business=business, name="Outbox", kind=ProviderAccount.Kind.OUTBOX)
    run = start_broadcast(Draft(account, "Hello", "Hello", read_pasted(numbers(RECIPIENTS))), None)
    claim_run(run)
    for recipient in run.items.all():
        sent(run, recipient, f"outbox.{recipient.pk}")
        run.items.filter(pk=recipient.pk).update(status="done", message_id=f"outbox.{recipient.pk}")
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.transition_to(Status.COMPLETED, finished_at=Now())
    rows.update(**counted(RECIPIENTS))
    return rows.get()


def sent(run: WhatsAppBroadcast, recipient: Any, message_id: str) -> None:
    OutboxMessage.objects.create(
        account=run.account, message_id=message_id, phone=recipient.phone, text="", tracker=recipient.tracker
    )


def collection(business: Business, make_run: MakeRun, folder: Path) -> RecordingRun:
    folder.mkdir()
    source, content = folder_source(business, folder), wav()
    (folder / "call.wav").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    call = Call.objects.create(business=business, source=source, call_id="call", location="call.wav", sha256=digest)
    call.file.save("recordings/call.wav", ContentFile(content))
    start_with = {"source": source, "job_type": "download"}
    run: RecordingRun = make_run(business, "completed", model=RecordingRun, start_with=start_with, **counted(1))
    run.items.create(key="call", call=call, status="done")
    return run


def checked(world: World) -> Findings:
    return check(world.logs, is_settled=True)


def test_an_undamaged_database_has_no_violation_and_each_guarantee_is_counted(world: World) -> None:
    findings = checked(world)
    assert findings.violations() == []
    assert all(sum(finding.counted.values()) for code, finding in findings.items() if code != "locks")
    assert findings["G3"].counted["items"] == MESSAGES + RECIPIENTS + 1
    assert findings["G5"].counted["URLs that a stranger requested"] > 20


def test_a_check_changes_nothing(world: World, make_run: MakeRun) -> None:
    overdue = make_run(world.other, "running", silent_for=400)
    assert checked(world)["G1"].counted["overdue rows that the next reader expires"] == 1
    overdue.refresh_from_db()
    assert overdue.status == "running"
    assert Business.objects.count() == 2


Damage = Callable[[World], None]
DAMAGES: list[Any] = []


def damage(code: str, text: str) -> Callable[[Damage], Damage]:
    """Register a deed that breaks this guarantee, and a part of the violation that the checker must report."""

    def register(deed: Damage) -> Damage:
        DAMAGES.append(pytest.param(deed, code, text, id=deed.__name__))
        return deed

    return register


# G1


@damage("G1", "shows 100 % and isn't completed")
def a_full_bar_of_a_failed_run(world: World) -> None:
    world.set(fresh(world.sync, "failed"), progress_pct=100.0)


@damage("G1", "was expired after 5.0 of 300 s")
def an_expiry_of_a_living_run(world: World) -> None:
    silence = F("pgh_created_at") - timedelta(seconds=5)
    world.set_change(fresh(world.sync, "failed"), -1, error_code="stale", heartbeat_at=silence)


@damage("G1", "showed drill 1 running after 301.0 s")
def a_dead_run_that_a_reader_was_shown_as_running(world: World) -> None:
    world.log(Observation("api", "drill", 1, "running", 2, 50.0, 301.0, 300.0))


@damage("G1", "answered 500")
def an_error_of_the_server(world: World) -> None:
    world.log(BadAnswer("/api/runs/", 500, "oh"))


def fresh(run: ReceiptSyncRun, status: str) -> ReceiptSyncRun:
    """Another run of the mailbox, taken by a worker and left in this status."""
    again = ReceiptSyncRun.objects.create(business=run.business, mailbox=run.mailbox)
    claim_run(again)
    ReceiptSyncRun.objects.filter(pk=again.pk).transition_to(Status(status))
    return again


# G2


@damage("G2", "went from attempt 1 to 2 by completed")
def an_attempt_that_nobody_claimed(world: World) -> None:
    world.set_change(world.drill, -1, attempt=2)


@damage("G2", "attempt 1 was claimed without a turn")
def a_claim_that_names_no_worker(world: World) -> None:
    world.set_change(world.drill, 1, pgh_context=None)


@damage("G2", "its timeline ends with failed")
def a_status_that_the_timeline_does_not_know(world: World) -> None:
    world.set_change(world.drill, -1, status="failed")


@damage("G2", "attempt 0 wrote step 2 after a newer one had been claimed")
def a_step_of_an_older_attempt(world: World) -> None:
    DrillStep.objects.filter(run=world.drill, number=2).update(attempt=0)


@damage("G2", "attempt 1 wrote step 3 after its run had been taken away")
def a_step_after_the_end(world: World) -> None:
    DrillStep.objects.filter(run=world.drill, number=3).update(at=Now() + timedelta(minutes=1))


@damage("G2", "'succeeded': 3")
def a_counter_that_is_not_what_the_items_say(world: World) -> None:
    world.set(world.sync, succeeded=2, failed=1)


# G3


@damage("G3", "is stuck: queued")
def a_run_that_never_ended(world: World) -> None:
    reopen(fresh(world.sync, "failed"), PERSON, "retried")


@damage("G3", "receipt_sync 999 was answered, and isn't there")
def a_start_that_left_nothing(world: World) -> None:
    world.log(Start("receipt_sync", 999))


@damage("G3", "is failed, and its item 7:1 is in flight")
def an_item_in_flight_in_a_run_that_is_over(world: World) -> None:
    fresh(world.sync, "failed").items.create(key="7:1", status="in_flight")


@damage("G3", "is completed, and its item 7:1 is pending")
def an_item_that_was_passed_over(world: World) -> None:
    world.sync.items.filter(key="7:1").update(status="pending")


@damage("G3", "is completed with 2 of 3")
def a_completed_run_that_stopped_before_its_end(world: World) -> None:
    world.set(world.sync, processed=2)


@damage("G3", "steps [1] were never done")
def a_step_that_was_lost(world: World) -> None:
    DrillStep.objects.filter(run=world.drill, number=1).delete()


@damage("G3", "did the step 2 twice")
def a_step_that_was_done_twice(world: World) -> None:
    DrillStep.objects.create(run=world.drill, number=2, attempt=1)


@damage("G3", "did the steps [0] again")
def a_step_from_before_the_death_that_was_done_again(world: World) -> None:
    DrillStep.objects.create(run=world.drill, number=0, attempt=2)


@damage("G3", "was sent to 2 times")
def a_message_that_was_sent_twice(world: World) -> None:
    sent(world.broadcast, world.broadcast.items.first(), "outbox.again")


@damage("G3", "nothing was sent")
def a_message_that_was_called_sent(world: World) -> None:
    OutboxMessage.objects.order_by("pk").last().delete()  # type: ignore[union-attr]


@damage("G3", "is skipped, and {'outbox.")
def a_message_to_a_suppressed_recipient(world: World) -> None:
    first = world.broadcast.items.order_by("pk")[0]
    world.broadcast.items.filter(pk=first.pk).update(status="skipped")


@damage("G3", "no recipient is known for it")
def a_message_to_a_stranger(world: World) -> None:
    world.log(Send("972501234567", "forged", "wamid.1", 200))


@damage("G3", "number 1 is unknown")
def an_unknown_recipient_whom_no_death_met(world: World) -> None:
    second = world.broadcast.items.order_by("pk")[1]
    world.broadcast.items.filter(pk=second.pk).update(status="unknown")


@damage("G3", "cancel was answered, and then the run became queued")
def a_cancel_that_was_forgotten(world: World) -> None:
    answered = timezone.now().timestamp() - 10
    world.log(PersonRequest("cancel", "drill", world.drill.pk, answered, answered, 200))
    world.set_change(world.drill, 0, pgh_created_at=Now() - timedelta(seconds=30))
    world.set_change(world.drill, 1, pgh_created_at=Now() - timedelta(seconds=20))
    world.set_change(world.drill, -1, status="queued")


@damage("G3", "2 resets were answered, and the timelines have 0")
def a_reset_that_did_nothing(world: World) -> None:
    world.log(PersonRequest("reset", "drill", 0, 1.0, 2.0, 200, count=2))


def mails(world: World, *uids: int) -> list[Record]:
    return [Mail(world.sync.mailbox.username, 7, uid, f"<{uid}@a>", []) for uid in uids]


def fetches(world: World, *uids: int) -> list[Record]:
    return [Fetch(world.sync.mailbox.username, uid) for uid in uids]


@damage("G3", "never scanned ['7:4']")
def a_message_that_was_never_scanned(world: World) -> None:
    world.log(*mails(world, 1, 2, 3, 4), *fetches(world, 1, 2, 3, 4))


@damage("G3", "message 2 was fetched 2 times by 1 attempts")
def a_message_that_was_fetched_too_often(world: World) -> None:
    world.log(*mails(world, 1, 2, 3), *fetches(world, 1, 2, 2, 3))


@damage("G3", "message 1 has {('Elsewhere', '2.00', 'EUR')}")
def a_receipt_that_differs_from_its_mail(world: World) -> None:
    mail = Mail(world.sync.mailbox.username, 7, 1, "<1@a>", [["Elsewhere", "2.00", "EUR"]])
    world.log(mail, *mails(world, 2, 3), *fetches(world, 1, 2, 3))


@damage("G3", "names the file")
def a_receipt_whose_file_is_gone(world: World) -> None:
    default_storage.delete(str(Receipt.objects.get().file.name))


@damage("G3", "isn't what was fetched")
def a_recording_that_is_cut_short(world: World) -> None:
    with default_storage.open(str(Call.objects.get().file.name), "wb") as file:
        file.write(b"RIFF")


@damage("G3", "was never listed")
def a_recording_that_was_left_out(world: World) -> None:
    Path(world.collection.source.folder, "another.wav").write_bytes(wav())


@damage("G3", "is done, and its file isn't here")
def a_recording_that_was_never_fetched(world: World) -> None:
    Call.objects.update(file="")


# G4


@damage("G4", "went back from 7 processed to 4")
def a_bar_that_went_back(world: World) -> None:
    world.set_change(world.drill, -1, processed=7)


@damage("G4", "went from completed to queued")
def a_completed_run_that_revived(world: World) -> None:
    world.set_change(world.drill, 1, status="completed")
    world.set_change(world.drill, -1, status="queued")


@damage("G4", "was re-opened by worker")
def a_run_that_was_retried_by_a_machine(world: World) -> None:
    with audit_context(Actor("worker", "w"), "resumed"):
        reopen(fresh(world.sync, "cancelled"), Actor("worker", "w"), "resumed")


@damage("G4", "go back from (3, 75.0) to (2, 50.0)")
def a_bar_that_a_reader_saw_go_back(world: World) -> None:
    world.log(Observation("fetch_repaired", "drill", 1, "running", 3, 75.0, 1.0, 300.0), OBSERVATION)


# G5


@damage("G5", "refers to something of another business")
def a_run_over_the_mailbox_of_another_business(world: World) -> None:
    mailbox = world.sync.mailbox
    mailbox.business = world.other
    mailbox.save()


@damage("G5", "refers to something of another business")
def an_item_that_shows_the_call_of_another_business(world: World) -> None:
    Recording.objects.update(run=RecordingRun.objects.create(business=world.other, source=world.collection.source))


# G6


@damage("G6", "has its heartbeat_at in the future")
def a_heartbeat_by_a_clock_of_its_own(world: World) -> None:
    world.set(world.drill, heartbeat_at=Now() + timedelta(hours=1))


@damage("G6", "has its started_at after its claimed_at")
def a_start_after_the_claim(world: World) -> None:
    world.set(world.drill, started_at=F("claimed_at") + timedelta(milliseconds=1))


# G7


@damage("G7", "names a poison item twice")
def a_poison_item_that_was_failed_twice(world: World) -> None:
    world.set(world.drill, poison_items=["1", "1"], failed=2)


@damage("G7", "has 1 poison items, and died 0 times")
def a_poison_item_without_deaths(world: World) -> None:
    world.set(world.sync, poison_items=["7:1"])


@damage("G7", "the healthy step 1 is failed, and was killed 0 times")
def a_healthy_step_that_was_failed(world: World) -> None:
    world.set(world.drill, poison_items=["1"], failed=1)


@damage("G7", "its poison step {'1'} isn't failed")
def a_poison_step_that_was_skipped_without_a_record(world: World) -> None:
    world.set(world.drill, death="killed", dies_at=1, dies_again=True)


@damage("G7", "its poison steps are []")
def a_step_that_failed_for_another_reason(world: World) -> None:
    world.set(world.drill, failed=1, succeeded=STEPS - 1)


@damage("G7", "failed items as poison that it doesn't name")
def an_item_that_was_called_poison(world: World) -> None:
    world.sync.items.filter(key="7:1").update(status="failed", error_code="poison")


@damage("fair", "was exceeded for 10.0 s")
def a_run_that_a_limit_should_have_held_back(world: World) -> None:
    world.set_change(world.drill, 1, pgh_created_at=F("pgh_created_at") - timedelta(seconds=10))
    world.log(RunningLimit(None, DrillRun.slug, 0))


@damage("fair", "a slot was free for 6.0 s")
def a_slot_that_nobody_used(world: World) -> None:
    world.log(*(SlotLook(1000.0 + second, free_slots=1, claimable=2) for second in range(7)))


@damage("fair", "after its machine's end")
def a_run_of_a_lost_machine_that_went_on_too_late(world: World) -> None:
    ended = timezone.now().timestamp()
    world.log(Death("machine", ended - 70, DrillRun.slug, [[world.drill.pk, 1]]))


@damage("fair", "stayed with a machine that was lost")
def a_run_that_nobody_took_over(world: World) -> None:
    world.log(Death("machine", 1000.0, DrillRun.slug, [[world.drill.pk, 2]]))


@damage("locks", "the database broke 2 deadlocks")
def deadlocks_during_a_storm(world: World) -> None:
    world.log(Deadlocks(0), Deadlocks(2), Deadlocks(0))


@pytest.mark.parametrize(("damage", "code", "text"), DAMAGES)
def test_damage_is_found(world: World, damage: Damage, code: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if code != "G5":  # it requests hundreds of URLs
        monkeypatch.setattr(isolation, "check", lambda finding: None)
    damage(world)
    violations = checked(world)[code].violations
    assert any(text in violation for violation in violations), violations


@pytest.mark.parametrize("slow", [a_slot_that_nobody_used, a_run_that_a_limit_should_have_held_back])
def test_a_slow_machine_is_given_more_time(world: World, slow: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "check", lambda finding: None)
    slow(world)
    assert check(world.logs, is_settled=True, slack=10)["fair"].violations == []


def test_a_url_that_is_open_to_strangers_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_responses, "fetch_run", lambda model, pk, member=None: fetch_run(model, pk))
    assert any("a stranger to drill" in violation for violation in checked(world)["G5"].violations)


@pytest.mark.django_db(transaction=True)
def test_the_exit_status_of_the_command_shows_whether_there_are_violations(world: World, tmp_path: Path) -> None:
    def run(*options: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "benchmarks", "check_guarantees", "--json", *options]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
            "DATABASE_URL": os.environ.get("DATABASE_URL") or postgres.database_url(),
            "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
            "DEBUG": "true",
            "SECRET_KEY": settings.SECRET_KEY,  # it signs the trackers that providers return
            "SALT_KEY": ",".join(settings.SALT_KEY),
            "MEDIA_ROOT": settings.MEDIA_ROOT,
            "UNSTUCK_VAR": str(tmp_path / "state"),
        }
        ended = subprocess.run(
            command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=240, check=False
        )
        assert ended.stdout, ended.stderr
        return ended.returncode, {row["guarantee"]: row for row in json.loads(ended.stdout)}

    world.sync.items.filter(key="7:1").update(status="pending")
    status, findings = run("--settled")
    assert status == 1
    assert findings["G3"]["violations"] == [f"receipt_sync {world.sync.pk} is completed, and its item 7:1 is pending"]
    world.sync.items.filter(key="7:1").update(status="done")
    assert run()[0] == 0

"""All guarantees, checked over the database that Django knows."""

from __future__ import annotations

from runs.drill.models import DrillRun
from runs.models import Run, run_types

from . import bars, calls, clock, drills, effects, fencing, isolation, locks, losses, mailboxes, poison, truth, turns
from .findings import Findings
from .logs import Logs
from .timeline import History, histories


def check(logs: Logs, *, is_settled: bool, slack: float = 0.0) -> Findings:
    """Read the whole database, and `logs` as far as there are any. Writes nothing.

    For `slack` seconds more than elsewhere, a transaction of a very slow machine may have been under way when another
    one's time was taken.
    """
    findings = Findings()
    requests, outages = losses.PersonRequests(logs), drills.Outages(logs)
    resets, attempts = 0, turns.Attempts(slack)
    for model in run_types():
        poison_items = _poison_items(model)
        businesses = dict(model.objects.values_list("pk", "business"))
        for history in histories(model):
            _check_history(findings, history, poison_items.get(history.run, []), slack)
            losses.check_history(findings["G3"], history, requests, is_settled=is_settled)
            drills.check_history(findings["G3"], history, outages)
            resets += losses.resets_of(history)
            attempts.add(history, businesses[history.run])
    losses.check_resets(findings["G3"], resets, requests)
    attempts.check(findings["fair"], logs)
    _check_rows(findings, logs, is_settled=is_settled)
    return findings


def _poison_items(model: type[Run]) -> dict[int, list[str]]:
    return dict(model.objects.exclude(poison_items=[]).values_list("pk", "poison_items"))


def _check_history(findings: Findings, history: History, poison_items: list[str], slack: float) -> None:
    truth.check_history(findings["G1"], history)
    fencing.check_history(findings["G2"], history, slack)
    effects.check_history(findings["G3"], history)
    bars.check_history(findings["G4"], history)
    poison.check_history(findings["G7"], history, poison_items)
    if history.model is DrillRun:
        poison.check_drill(findings["G7"], history)


def _check_rows(findings: Findings, logs: Logs, *, is_settled: bool) -> None:
    truth.check(findings["G1"], logs)
    fencing.check(findings["G2"])
    losses.check(findings["G3"], logs, is_settled=is_settled)
    effects.check(findings["G3"], logs)
    mailboxes.check(findings["G3"], logs)
    calls.check(findings["G3"], is_settled=is_settled)
    bars.check(findings["G4"], logs)
    isolation.check(findings["G5"])
    clock.check(findings["G6"])
    poison.check(findings["G7"])
    locks.check(findings["locks"], logs)

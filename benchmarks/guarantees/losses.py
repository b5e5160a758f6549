"""G3: a run that was started reaches a terminal status, no item is lost, and people's requests are carried out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db.models import Count, F

from runs.models import Run, run_types
from runs.states import ACTIVE, ErrorCode, ItemStatus, Status

from .findings import Finding
from .logs import Logs, PersonRequest, Start
from .timeline import Change, History

# How a run may end after each request: a cancel wins over a pause, and the run's own end over both.
ALLOWED_ENDS: Final = {
    "cancel": (Status.CANCELLED, Status.COMPLETED, Status.FAILED),
    "pause": (Status.PAUSED, Status.CANCELLED, Status.COMPLETED, Status.FAILED),
}


def check(finding: Finding, logs: Logs, *, is_settled: bool) -> None:
    """`is_settled`: nothing is at work any more, so an active run is stuck."""
    for model in run_types():
        for status, number in _by_status(model).items():
            finding.count(f"{model.slug} runs {status}", number)
        if is_settled:
            for pk, status in model.objects.filter(status__in=ACTIVE).values_list("pk", "status"):
                finding.violate(f"{model.slug} {pk} is stuck: {status}")
        for pk, total, processed in _unfinished(model):
            finding.violate(f"{model.slug} {pk} is completed with {processed} of {total}")
        _check_items(finding, model)
    _check_starts(finding, logs.read(Start))


def _by_status(model: type[Run]) -> dict[str, int]:
    return dict(model.objects.values_list("status").annotate(runs=Count("pk")).order_by("status"))


def _unfinished(model: type[Run]) -> Iterable[tuple[int, int | None, int]]:
    completed = model.objects.filter(status=Status.COMPLETED)
    return completed.exclude(processed=F("total")).values_list("pk", "total", "processed")


def _check_items(finding: Finding, model: type[Run]) -> None:
    items: Any = model.item_model()
    if items is None:
        return
    manager = items._default_manager
    finding.count("items", manager.count())
    finding.count("items in flight", manager.filter(status=ItemStatus.IN_FLIGHT).count())
    adrift = manager.filter(status=ItemStatus.IN_FLIGHT).exclude(run__status=Status.RUNNING)
    for run, status, key in adrift.values_list("run", "run__status", "key"):
        finding.violate(f"{model.slug} {run} is {status}, and its item {key} is in flight")
    left = manager.filter(status=ItemStatus.PENDING, run__status=Status.COMPLETED)
    for run, key in left.values_list("run", "key"):
        finding.violate(f"{model.slug} {run} is completed, and its item {key} is pending")


def _check_starts(finding: Finding, starts: list[Start]) -> None:
    for model in run_types():
        started = [start.run for start in starts if start.type == model.slug]
        finding.count("starts that were answered", len(started))
        for run in set(started).difference(model.objects.filter(pk__in=started).values_list("pk", flat=True)):
            finding.violate(f"{model.slug} {run} was answered, and isn't there")


# People


def check_history(finding: Finding, history: History, requests: PersonRequests, *, is_settled: bool) -> None:
    for request in requests.of(history):
        finding.count(f"{request.action} requests of people that were answered")
        if request.action in ALLOWED_ENDS and (fault := _fault(history, request, is_settled=is_settled)):
            finding.violate(f"{history}: {request.action} was answered, and then {fault}")


class PersonRequests:
    """Requests that were answered with success, by run."""

    def __init__(self, logs: Logs) -> None:
        self._by_run: dict[tuple[str, int], list[PersonRequest]] = {}
        self.all = [request for request in logs.read(PersonRequest) if request.status < 300]
        for request in self.all:
            self._by_run.setdefault((request.type, request.run), []).append(request)

    def of(self, history: History) -> list[PersonRequest]:
        return self._by_run.get((history.model.slug, history.run), [])


def _fault(history: History, request: PersonRequest, *, is_settled: bool) -> str:
    """What happened to the run instead; empty where the request was carried out, or still may be."""
    status = Status.QUEUED.value
    for change in history.changes:
        if change.at > request.after:
            return _fault_of(status, change, request)
        status = change.status
    is_left = status in (Status.RUNNING, Status.QUEUED)
    return f"the run was left {status}" if is_settled and is_left else ""


def _fault_of(status: str, change: Change, request: PersonRequest) -> str:
    """The first change after the answer, of a run that was in `status` at the answer."""
    if status == Status.RUNNING and change.status not in ALLOWED_ENDS[request.action]:
        return f"the run became {change.status} ({change.reason})"
    if status == Status.QUEUED and change.status == Status.RUNNING and request.action == "cancel":
        return "a worker took the run"
    return ""


def check_resets(finding: Finding, resets: int, requests: PersonRequests) -> None:
    """`resets`: how many changes of status the timelines of all runs have with that code."""
    answered = sum(request.count for request in requests.all if request.action == "reset")
    finding.count("runs reset, by the timelines", resets)
    finding.count("runs reset, by the answers", answered)
    if answered > resets:
        finding.violate(f"{answered} resets were answered, and the timelines have {resets}")


def resets_of(history: History) -> int:
    return sum(change.error_code == ErrorCode.RESET for change in history.changes if change.status == Status.FAILED)

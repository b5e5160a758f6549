"""The rows of the operator's home as HTML: for the page, and for the stream that keeps it up to date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.template.loader import get_template
from django.urls import reverse
from django.utils.translation import override

from ..durations import format_age, format_elapsed
from ..models import Run
from ..numbers import format_number, format_percent
from ..readers.now import seconds_waiting
from ..readers.verdict import Verdict, verdict_of
from ..states import Action, Status
from .permissions import CONTROL_RUNS, RESET_PROGRESS

BUTTONS = (Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY)


class NowEdition(NamedTuple):
    """Those who see the same rows: their language, and what they may do."""

    language: str
    may_control: bool
    may_reset: bool

    @classmethod
    def of(cls, user: Any, language: str) -> NowEdition:
        return cls(language, user.has_perm(CONTROL_RUNS), user.has_perm(RESET_PROGRESS))


@dataclass(frozen=True)
class Button:
    name: str
    label: str
    url: str


@dataclass(frozen=True)
class Row:
    key: str
    run: Run
    verdict: Verdict
    name: str  # what distinguishes it from others of its type
    bar: str  # for the `<progress>` element; empty while the total is unknown
    percent: str
    count: str
    heartbeat: str  # its age while the run runs; a row that says the same isn't sent again
    waiting: str
    url: str
    buttons: list[Button]

    @classmethod
    def of(cls, run: Run, edition: NowEdition) -> Row:
        """Of a run from `fetch_now`, in the active language."""
        total = "?" if run.total is None else format_number(run.total)
        waiting = seconds_waiting(run)
        return cls(
            key=key_of(run),
            run=run,
            verdict=verdict_of(run),
            name=run.title(),
            bar="" if run.progress_pct is None else f"{run.progress_pct:.1f}",
            percent="" if run.progress_pct is None else format_percent(run.progress_pct),
            count=f"{format_number(run.processed)} / {total}",
            heartbeat=format_age(run.heartbeat_age) if run.status == Status.RUNNING else "",
            waiting="" if waiting is None else format_elapsed(waiting),
            url=reverse(f"admin:{run._meta.app_label}_{run._meta.model_name}_change", args=[run.pk]),
            buttons=build_buttons(run) if edition.may_control else [],
        )


def render_rows(runs: Iterable[Run], edition: NowEdition) -> dict[str, str]:
    """By the runs' keys, in their order."""
    template = get_template("admin/runs/now_row.html")
    with override(edition.language):
        rows = [Row.of(run, edition) for run in runs]
        return {row.key: template.render({"row": row, "may_reset": edition.may_reset}) for row in rows}


def key_of(run: Run) -> str:
    return f"{run.slug}-{run.pk}"


def build_buttons(run: Run) -> list[Button]:
    """What changes this very run: a retry of its failed items would start another one.

    In the order of `BUTTONS`, so that "Cancel" stays where it is while the others come and go.
    """
    allowed = run.actions()
    return [
        Button(action, str(action.label), reverse(f"api:staff-run-{action}", args=[run.slug, run.pk]))
        for action in BUTTONS
        if action in allowed
    ]

"""The operator's home, live: one reading of the database every few seconds, rendered once for each edition."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import override

from ..models import Run
from ..readers.now import fetch_now
from .now_figures import build_figures, read_standing
from .now_rows import NowEdition, render_rows
from .subscribers import Subscriber

NOW_SECONDS: Final = 2.0
STATE: Final = "state"  # its event comes after the rows that it lists

Events = dict[str, bytes]


@dataclass(eq=False)
class NowEvents:
    """What each edition is shown now, and what of it has changed since the reading before."""

    shown: dict[NowEdition, Events] = field(default_factory=dict)
    changed: dict[NowEdition, Events] = field(default_factory=dict)
    _fetched_at: float = 0.0

    def are_due(self, staff: Collection[Subscriber]) -> bool:
        has_new = any(not subscriber.has_first_updates for subscriber in staff)
        return has_new or (bool(staff) and time.monotonic() - self._fetched_at >= NOW_SECONDS)

    def fetch(self, staff: Collection[Subscriber]) -> None:
        """As many queries for fifty subscribers as for one, and for two thousand runs as for two."""
        editions = {subscriber.now_edition for subscriber in staff if subscriber.now_edition}
        runs = fetch_now()
        states = build_states({edition.language for edition in editions})
        shown = {edition: build_events(runs, edition, states[edition.language]) for edition in editions}
        self.changed = {edition: new_in(events, self.shown.get(edition, {})) for edition, events in shown.items()}
        self.shown, self._fetched_at = shown, time.monotonic()

    def distribute(self, staff: Collection[Subscriber]) -> None:
        for subscriber in staff:
            if subscriber.now_edition in self.shown:  # it may have come since
                events = self.changed if subscriber.has_first_updates else self.shown
                subscriber.send_updates(events[subscriber.now_edition])
                subscriber.has_first_updates = True


def new_in(events: Events, before: Events) -> Events:
    """The state always: without it a page believes that it has lost contact."""
    return {key: event for key, event in events.items() if before.get(key) != event or key == STATE}


def build_states(languages: Collection[str]) -> dict[str, Any]:
    """The figures in each language. They are read once."""
    standing = read_standing()
    states = {}
    for language in languages:
        with override(language):
            states[language] = {each.name: [each.value, each.note, each.tone] for each in build_figures(standing)}
    return states


def build_events(runs: Collection[Run], edition: NowEdition, figures: Mapping[str, Any]) -> Events:
    rows = render_rows(runs, edition)
    events = {key: build_event("row", {"key": key, "html": html}) for key, html in rows.items()}
    return {**events, STATE: build_event("state", {"order": list(rows), "figures": figures})}


def build_event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()

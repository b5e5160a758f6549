"""Who changed a run's status, when and why: recorded by database triggers through django-pghistory.

Every change of a status is made inside `audit_context(...)`. One made outside of it, such as SQL typed by hand, is
recorded too, without an actor.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pghistory
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from .run import Run

# What a change records of its run.
EVIDENCE = [
    "status",
    "attempt",
    "worker",
    "total",
    "processed",
    "heartbeat_at",
    "requested",
    "error_code",
    "error_message",
]


@dataclass(frozen=True)
class Actor:
    """Somebody or something that changes a run."""

    kind: str  # person, staff, worker, sweep, reader, command
    name: str = ""
    id: int | None = None

    @classmethod
    def user(cls, user: AbstractBaseUser | AnonymousUser | None, kind: str = "person") -> Actor:
        if user is None or not user.is_authenticated:
            return SYSTEM
        return cls(kind=kind, name=user.get_username(), id=user.pk)


AUDIT_SQL: Final = """
    SELECT
        set_config('pghistory.context_id', %(id)s, true),
        set_config('pghistory.context_metadata', %(metadata)s, true)
"""

SYSTEM = Actor("system")
SWEEP = Actor("sweep")
READER = Actor("reader")


def audit_context(actor: Actor, reason: str, **evidence: Any) -> AbstractContextManager[Any]:
    """Record with every change of a status made inside who made it and why."""
    return pghistory.context(actor=asdict(actor), reason=reason, **evidence)


def audit_statement(actor: Actor, reason: str) -> tuple[str, dict[str, str]]:
    """The same for the statements that follow in a transaction and aren't sent by Django's cursor, as in a pipeline."""
    parameters = {"id": str(uuid4()), "metadata": json.dumps({"actor": asdict(actor), "reason": reason})}
    return AUDIT_SQL, parameters


def record_changes(model: type[Run]) -> type[models.Model]:
    """Give a concrete run type its table of events, written when a run is made or changes status."""
    return pghistory.create_event_model(
        model,
        pghistory.InsertEvent("created"),
        pghistory.UpdateEvent("changed", condition=pghistory.AnyChange("status")),
        fields=EVIDENCE,
        obj_field=pghistory.ObjForeignKey(related_name="events"),
        # In the event's own row: one write a change, and never shared with another change.
        context_field=pghistory.ContextJSONField(),
        context_id_field=None,  # type: ignore[arg-type]
        model_name=f"{model.__name__}Event",
        abstract=False,
    )

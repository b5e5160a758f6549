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
from django.core.serializers.json import DjangoJSONEncoder
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


# For statements that aren't sent by Django's cursor, as in a pipeline: selected or returned by an earlier one of the
# same transaction.
AUDIT_COLUMNS: Final = """
    set_config('pghistory.context_id', %(audit_id)s, true),
    set_config('pghistory.context_metadata', %(audit_metadata)s, true)
"""

SYSTEM = Actor("system")
SWEEP = Actor("sweep")
READER = Actor("reader")


def audit_context(actor: Actor, reason: str, **evidence: Any) -> AbstractContextManager[Any]:
    """Record with every change of a status made inside who made it and why."""
    return pghistory.context(actor=asdict(actor), reason=reason, **evidence)


def audit_parameters(actor: Actor, reason: str) -> dict[str, str]:
    """The parameters of `AUDIT_COLUMNS`."""
    return {"audit_id": str(uuid4()), "audit_metadata": json.dumps({"actor": asdict(actor), "reason": reason})}


def surrounding_audit_parameters() -> dict[str, str]:
    """Likewise, with what the `audit_context` around the call says."""
    with pghistory.context() as context:
        metadata = json.dumps(context.metadata, cls=DjangoJSONEncoder)
        return {"audit_id": str(context.id), "audit_metadata": metadata}


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

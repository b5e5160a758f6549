"""The workers as they announce themselves. Nobody adds or changes one; a lost one can be deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, Case, DurationField, ExpressionWrapper, F, QuerySet, Value, When
from django.db.models.functions import Extract, Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..api.permissions import may_view_operations
from ..durations import format_age
from ..models import Worker
from .read_only import ReadOnlyAdmin
from .theme import display

ALIVE, LOST = "alive", "lost"


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "announced", "host", "queue_names", "slots", "version", "booted_at")
    fields = ("name", "state", "announced", "host", "queue_names", "slots", "version", "booted_at")
    search_fields = ("name", "host")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Alive or lost by the database's clock."""
        rows: QuerySet[Worker] = super().get_queryset(request)
        is_alive = When(pk__in=Worker.objects.alive().values("pk"), then=Value(True))
        return rows.annotate(
            is_alive_=Case(is_alive, default=Value(False), output_field=BooleanField()),
            age_=Extract(ExpressionWrapper(Now() - F("announced_at"), DurationField()), "epoch"),
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_view_operations(request.user) or super().has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A worker that is alive would announce itself again. Asked for each, also where many are chosen."""
        is_allowed = request.user.has_perm("runs.delete_worker")
        return is_allowed and (obj is None or not Worker.objects.alive().filter(pk=obj.pk).exists())

    @display(description=_("state"), label={ALIVE: "success", LOST: "danger"})
    def state(self, worker: Any) -> tuple[str, Any]:
        return (ALIVE, _("alive")) if worker.is_alive_ else (LOST, _("lost"))

    @display(description=_("last announced"), ordering="announced_at")
    def announced(self, worker: Any) -> str:
        return format_age(worker.age_)

    @display(description=_("queues"))
    def queue_names(self, worker: Worker) -> str:
        return ", ".join(worker.queues)

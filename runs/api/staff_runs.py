"""Any business's runs over HTTP, for the admin's own pages: the members' views behind the staff's permissions.

Staff see the runs of the types that they may view in the admin. Actions need `runs.control_runs`, and each is recorded
as done by staff, with an entry in the admin's log in the same transaction.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename
from django.db import transaction
from django.http import Http404
from django.urls import path
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import APIView

from ..exceptions import WrongStatus
from ..models import Run
from ..models.audit import Actor
from ..readers.verdict import fetch_one_repaired
from ..states import Action
from ..time_zones import INSTALLATION_ZONE
from . import views
from .permissions import CONTROL_RUNS, VIEW_OPERATIONS, get_run_type_or_404
from .run_responses import user_of
from .stream import StaffStream


class StaffView(APIView):
    """Mixed into a `RunView`."""

    zone_name: ClassVar[str | None] = INSTALLATION_ZONE  # as on the admin's pages

    def get_run(self, type: str, id: int) -> Run:  # noqa: A002  named as in the URL
        """Raises `Http404`, and `PermissionDenied` for a change by those who may only look."""
        user, model = self.request.user, get_run_type_or_404(type)
        if not may_view(user, model):
            raise Http404
        run = fetch_one_repaired(model.objects.filter(pk=id).select_related("business").with_ages())
        if run is None:
            raise Http404
        run.zone_name = self.zone_name
        run.is_read_only = not user.has_perm(CONTROL_RUNS)
        if run.is_read_only and self.request.method not in SAFE_METHODS:
            raise PermissionDenied
        return run

    def log_action(self, run: Run, action: Action) -> None:
        LogEntry.objects.log_actions(user_of(self.request).pk, [run], CHANGE, str(action.label))


def may_view(user: Any, model: type[Run]) -> bool:
    """As the admin decides it: whoever may change runs of this type may view them too. Operators see all types."""
    app = model._meta.app_label
    names = (f"{app}.{get_permission_codename(verb, model._meta)}" for verb in ("view", "change"))
    return bool(user.is_staff and any(user.has_perm(name) for name in (*names, VIEW_OPERATIONS)))


class StaffRunDetail(StaffView, views.RunDetail):
    pass


class StaffRunEvents(StaffView, views.RunEvents):
    pass


class StaffRunItems(StaffView, views.RunItemList):
    pass


class StaffRunAction(StaffView, views.RunActionView):
    def apply_action(self, run: Run) -> None:
        if self.action not in run.actions():
            raise WrongStatus
        with transaction.atomic():
            views.ACTION_FUNCTIONS[self.action](run, Actor.user(self.request.user, "staff"))
            self.log_action(run, self.action)


class StaffRetryFailed(StaffView, views.RetryFailed):
    def retry_run(self, run: Run) -> Run:
        with transaction.atomic():
            retry = super().retry_run(run)
            self.log_action(run, Action.RETRY_FAILED)
        return retry


RUN = "<str:type>/<int:id>/"

urlpatterns = [
    path("runs/stream/", StaffStream.as_view(), name="staff-stream"),
    path(f"runs/{RUN}", StaffRunDetail.as_view(), name="staff-run"),
    *(
        path(f"runs/{RUN}{action}/", StaffRunAction.as_view(action=action), name=f"staff-run-{action}")
        for action in (Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY)
    ),
    path(f"runs/{RUN}retry-failed/", StaffRetryFailed.as_view(), name="staff-run-retry-failed"),
    path(f"runs/{RUN}events/", StaffRunEvents.as_view(), name="staff-run-events"),
    path(f"runs/{RUN}items/", StaffRunItems.as_view(), name="staff-run-items"),
]

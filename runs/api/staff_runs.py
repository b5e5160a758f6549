"""Actions on any business's runs over HTTP, for the admin's own pages.

They need `runs.control_runs`, and each is recorded as done by staff, with an entry in the admin's log in the same
transaction.
"""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.http import Http404
from django.urls import path
from rest_framework.exceptions import PermissionDenied

from ..exceptions import WrongState
from ..models import Run
from ..models.audit import Actor
from ..states import Action
from . import views
from .now_rows import CONTROL_RUNS
from .permissions import get_run_type_or_404
from .run_responses import get_run_or_404, user_of


class StaffRunAction(views.RunActionView):
    def get_run(self, type: str, id: int) -> Run:  # noqa: A002  named as in the URL
        """Raises `Http404` for all but staff, and `PermissionDenied` for staff who may only look."""
        if not self.request.user.is_staff:
            raise Http404
        if not self.request.user.has_perm(CONTROL_RUNS):
            raise PermissionDenied
        return get_run_or_404(get_run_type_or_404(type).objects.filter(pk=id))

    def apply_action(self, run: Run) -> None:
        if self.action not in run.actions():
            raise WrongState
        with transaction.atomic():
            views.ACTION_FUNCTIONS[self.action](run, Actor.user(self.request.user, "staff"))
            LogEntry.objects.log_actions(user_of(self.request).pk, [run], CHANGE, str(self.action.label))


RUN = "<str:type>/<int:id>/"

urlpatterns = [
    path(f"runs/{RUN}{action}/", StaffRunAction.as_view(action=action), name=f"staff-run-{action}")
    for action in (Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY)
]

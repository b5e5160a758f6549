"""The URLs under /api/ that every installation has. Each application adds its own."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from ..states import Action
from . import business_views, staff_runs, views
from .auth import Login, Logout, Password
from .docs import Docs
from .stream import Stream, StreamOfAll

RUN = "runs/<str:type>/<int:id>/"
RESET = "admin/business/<int:business_id>/reset-progress"

urlpatterns = [
    path("auth/login/", Login.as_view(), name="login"),
    path("auth/logout/", Logout.as_view(), name="logout"),
    path("auth/password/", Password.as_view(), name="password"),
    path("businesses/", business_views.BusinessList.as_view(), name="businesses"),
    path("runs/", views.RunList.as_view(), name="runs"),
    path("runs/stream/", Stream.as_view(), name="stream"),
    path(RUN, views.RunDetail.as_view(), name="run"),
    *(
        path(f"{RUN}{action}/", views.RunActionView.as_view(action=action), name=f"run-{action}")
        for action in (Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY)
    ),
    path(f"{RUN}retry-failed/", views.RetryFailed.as_view(), name="run-retry-failed"),
    path(f"{RUN}events/", views.RunEvents.as_view(), name="run-events"),
    path(f"{RUN}items/", views.RunItemList.as_view(), name="run-items"),
    path(RESET, business_views.ResetProgress.as_view(), name="reset-progress"),
    path(f"{RESET}/", business_views.ResetProgress.as_view(schema=None)),
    path("admin/runs/stream/", StreamOfAll.as_view(), name="stream-of-all"),
    path("staff/", include(staff_runs)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", Docs.as_view(url_name="api:schema"), name="docs"),
]

nowhere = re_path("", views.UnknownAddress.as_view(), name="nowhere")  # must come last

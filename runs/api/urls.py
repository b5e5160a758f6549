"""Addresses under /api/ that every installation has. The apps add their own beside them."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from ..states import Action
from . import views
from .auth import Login, Logout, Password
from .docs import Docs
from .stream import Stream

RUN = "runs/<str:type>/<int:id>/"
RESET = "admin/business/<int:business_id>/reset-progress"

urlpatterns = [
    path("auth/login/", Login.as_view(), name="login"),
    path("auth/logout/", Logout.as_view(), name="logout"),
    path("auth/password/", Password.as_view(), name="password"),
    path("businesses/", views.Businesses.as_view(), name="businesses"),
    path("runs/", views.Runs.as_view(), name="runs"),
    path("runs/stream/", Stream.as_view(), name="stream"),
    path(RUN, views.Detail.as_view(), name="run"),
    *(
        path(f"{RUN}{action}/", views.Act.as_view(action=action), name=f"run-{action}")
        for action in (Action.CANCEL, Action.PAUSE, Action.RESUME, Action.RETRY)
    ),
    path(f"{RUN}retry-failed/", views.RetryFailed.as_view(), name="run-retry-failed"),
    path(f"{RUN}events/", views.Events.as_view(), name="run-events"),
    path(f"{RUN}items/", views.Items.as_view(), name="run-items"),
    path(RESET, views.ResetProgress.as_view(), name="reset-progress"),
    path(f"{RESET}/", views.ResetProgress.as_view(schema=None)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", Docs.as_view(url_name="api:schema"), name="docs"),
]

nowhere = re_path("", views.Nowhere.as_view(), name="nowhere")  # last of all

"""The URLs of `peer_project`: the one that celery-progress documents."""

from django.urls import include, path

urlpatterns = [path("celery-progress/", include("celery_progress.urls"))]

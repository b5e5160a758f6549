"""One line a request, but none for a poll or a probe that succeeded: each card polls every few seconds."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware
from rest_framework.permissions import SAFE_METHODS

from runs.api.middleware import API_PREFIX

POLLED = (API_PREFIX, "/healthz", "/readyz", "/metrics")


class RequestLog(RequestMiddleware):
    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        if is_successful_poll(request, response):
            structlog.contextvars.clear_contextvars()  # or the thread's next request would begin with this one's caller
        else:
            super().handle_response(request, response)


def is_successful_poll(request: HttpRequest, response: HttpResponse) -> bool:
    """Any read of the API counts as one, except a download: its line says who took it, and a broken one is logged."""
    is_read = request.method in SAFE_METHODS and request.path_info.startswith(POLLED)
    return is_read and response.status_code < 400 and not response.streaming

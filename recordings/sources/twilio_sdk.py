"""Lets Twilio's SDK send its requests with the same restricted client that downloads the recordings."""

from __future__ import annotations

from typing import Any

from twilio.http import HttpClient
from twilio.http.response import Response

from . import Wait
from .http_client import RestrictedHttpClient
from .retries import retry_interrupted


class SdkHttpClient(HttpClient):  # type: ignore[misc]  # the SDK ships no types
    def __init__(self, client: RestrictedHttpClient, wait: Wait) -> None:
        self._client = client
        self._wait = wait

    def request(
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: Any = None,
        allow_redirects: bool = False,
    ) -> Response:
        def send_request() -> Response:
            with self._client.stream_get(uri, params=params, headers=headers) as response:
                response.read()
                return Response(response.status_code, response.text, response.headers)

        return retry_interrupted(send_request, wait=self._wait)

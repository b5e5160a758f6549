"""The process that opens recordings for `recordings.audio.reader`, run as `python -m recordings.audio.child`.

It imports no Django, so that it starts fast and stays small. A request is JSON: {"action": "duration", …} or
{"action": "decode", …}. The response is a line of JSON, {"error": code} on failure, and after it the samples if the
request wants them: 16 bits each, of one channel, at `SAMPLE_RATE`.

One recording is open at a time and each "decode" continues where the last one ended, so that a request stays short
however long the recording is. An open recording is lost with its process: the client must look at "start".
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import av

from recordings.audio.container import UndecodableAudio, open_container
from recordings.audio.decoder import RecordingDecoder
from recordings.regular_files import open_regular
from runs.children.child_loop import serve


class AudioServer:
    def __init__(self) -> None:
        self._decoder: RecordingDecoder | None = None

    def handle_request(self, body: bytes) -> bytes:
        request, samples = json.loads(body), b""
        try:
            if request["action"] == "duration":
                response = read_duration(request)
            else:
                response, samples = self.decode_part(request)
        except UndecodableAudio as error:
            response = {"error": error.code}
        except OSError as error:
            response = {"error": "damaged" if isinstance(error, av.FFmpegError) else "unreadable"}
        except Exception:
            # A decoder may raise anything at all over a broken recording.
            response = {"error": "damaged"}
        return json.dumps(response).encode() + b"\n" + samples

    def decode_part(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        recording = (request["path"], request["raw_type"], request["channel"])
        if self._decoder and (request["reopen"] or self._decoder.recording != recording):
            self.close_decoder()
        if self._decoder is None:
            self._decoder = RecordingDecoder(*recording)
        try:
            response, samples = self._decoder.decode_part(request["seconds"], with_samples=request["with_samples"])
        except BaseException:
            self.close_decoder()
            raise
        if response.get("is_last"):
            self.close_decoder()
        return response, samples

    def close_decoder(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder:
            with suppress(Exception):
                decoder.close()


def read_duration(request: dict[str, Any]) -> dict[str, Any]:
    """As the header states it, without decoding anything."""
    with open_regular(request["path"]) as file, open_container(file, request["raw_type"]) as container:
        stream = container.streams.audio[0]
        if stream.duration:
            return {"seconds": float(stream.duration * stream.time_base)}
        return {"seconds": container.duration / av.time_base if container.duration else None}


if __name__ == "__main__":
    av.logging.set_level(None)
    serve(AudioServer().handle_request)

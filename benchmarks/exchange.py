"""A server that speaks Twilio's wire format, in a process of its own: `python -m benchmarks.exchange 500`.

It serves a short recording and one of so many megabytes, prints its address, and ends with its standard input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from demo.fakes.twilio import ServedCall, serve

MEGABYTE = 1_000_000
# A WAV as it is written to a pipe: how long it will be is not known at its beginning.
_HEAD = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    b"data\xff\xff\xff\xff"
)
SHORT = datetime(2024, 11, 5, 12, tzinfo=UTC)
LONG = datetime(2024, 11, 6, 12, tzinfo=UTC)


@contextmanager
def running(megabytes: int) -> Iterator[str]:
    """The server's address."""
    command = (sys.executable, "-m", "benchmarks.exchange", str(megabytes))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            assert server.stdin is not None
            server.stdin.close()


def main() -> None:
    content = (_HEAD + bytes(range(256)) * 4000)[:MEGABYTE]
    short = ServedCall("RE" + "1" * 32, content, SHORT, seconds=60)
    long = ServedCall("RE" + "2" * 32, content, LONG, seconds=31_250, repeated=int(sys.argv[1]))
    with serve([short, long]) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

"""Many requests over a few connections that are kept open, without a library that would need the processor itself."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTIONS = 16


@dataclass
class Load:
    """What came of the requests."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)

    def errors(self, expected: int = 200) -> int:
        return self.statuses.total() - self.statuses[expected]


def send_requests(
    port: int, path: str, number: int, headers: Mapping[str, str], *, connections: int = CONNECTIONS
) -> Load:
    """`number` GET requests, as many at once as there are connections."""
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items()))
    request = "\r\n".join([*lines, "", ""]).encode()
    return asyncio.run(_send(port, request, number, connections))


async def _send(port: int, request: bytes, number: int, connections: int) -> Load:
    opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(connections)))
    load, left = Load(), iter(range(number))

    async def caller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in left:
            writer.write(request)
            load.statuses[await _read_status(reader)] += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller(reader, writer) for reader, writer in opened))
    load.seconds = time.perf_counter() - began
    for _reader, writer in opened:
        writer.close()
    return load


async def _read_status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _before, name, after = head.partition(b"content-length:")
    status = int(head.split(b" ", 2)[1])
    if name and status != 304:
        await reader.readexactly(int(after.split(b"\r\n", 1)[0]))
    return status

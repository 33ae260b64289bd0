"""A small load generator: raw keep-alive connections, bounded in count and time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Result:
    """What came back: status → count, and every request's seconds in order of completion."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        """Return answered requests per second."""
        return len(self.seconds) / self.elapsed

    def percentile(self, share: float) -> float:
        """Return the seconds within which this share (0 to 1) of requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def post(
    port: int,
    path: str,
    body: Callable[[int], bytes],
    *,
    requests: int,
    connections: int = 16,
    per_second: float | None = None,
) -> Result:
    """POST `requests` bodies over `connections`, as fast as answered or at a steady rate."""
    return asyncio.run(_post(port, path, body, requests, connections, per_second))


async def _post(
    port: int,
    path: str,
    body: Callable[[int], bytes],
    requests: int,
    connections: int,
    per_second: float | None,
) -> Result:
    result = Result()
    numbers = iter(range(requests))
    began = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            if per_second:
                await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            content = body(number)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            sent = time.perf_counter()
            writer.write(head.encode() + content)
            status, keep = await _answer(reader)
            result.statuses[status] += 1
            result.seconds.append(time.perf_counter() - sent)
            if not keep:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    result.elapsed = time.perf_counter() - began
    return result


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read one whole answer; say its status and whether the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return int(head.split(b" ", 2)[1]), b"connection: close" not in head

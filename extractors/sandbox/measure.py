"""How fast the sandbox serves, to show that it is not the bottleneck of a benchmark.

    python -m extractors.sandbox.measure [--seconds 3] [--connections 8]

The server runs in a process of its own; the clients are bare sockets, so that the figure is the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, cast

from .options import SandboxOptions

_HOST = "127.0.0.1"


class _Client(asyncio.Protocol):
    """Asks for the same pages in turn, the next as soon as the last has come, until the time is over."""

    def __init__(self, requests: list[bytes], until: float, done: asyncio.Future[None]) -> None:
        self._requests, self._until, self._done = requests, until, done
        self._buffer = bytearray()
        self._need = -1
        self.answers = 0
        self.bytes = 0
        self.bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._transport.write(self._requests[self.answers % len(self._requests)])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._need < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self.bad += b" 200 " not in head[:16]
            length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            self._need = end + 4 + length
        if len(self._buffer) < self._need:
            return
        self.bytes += self._need
        self.answers += 1
        self._buffer.clear()
        self._need = -1
        if time.perf_counter() < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, problem: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


def _serve(pipe: Connection, options: SandboxOptions) -> None:
    from .server import Sandbox

    started = time.perf_counter()
    with Sandbox(options) as sandbox:
        slugs = [row["slug"] for row in sandbox.truth("projects") if row["accessible"]]
        pipe.send((int(sandbox.url.rsplit(":", 1)[1]), slugs, time.perf_counter() - started))
        pipe.recv()


async def _load(port: int, paths: list[str], token: str, seconds: float, connections: int) -> list[_Client]:
    loop = asyncio.get_running_loop()
    requests = [
        f"GET /api/0{path} HTTP/1.1\r\nHost: {_HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for path in paths
    ]
    until = time.perf_counter() + seconds
    clients: list[_Client] = []
    waits: list[asyncio.Future[None]] = []
    for index in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        turned = requests[index % len(requests) :] + requests[: index % len(requests)]
        _, client = await loop.create_connection(partial(_Client, turned, until, done), _HOST, port)
        clients.append(client)
        waits.append(done)
    await asyncio.wait_for(asyncio.gather(*waits), seconds + 30)
    return clients


def measure(seconds: float = 3.0, connections: int = 8, **options: Any) -> list[tuple[str, float, float]]:
    """(what, requests a second, megabytes a second) for each kind of page."""
    asked = SandboxOptions(**{"rate_limit": 0, "events": 20_000, "issues": 1_000, **options})
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, asked), daemon=True)
    process.start()
    port, slugs, _ = ours.recv()
    organization = f"/organizations/{asked.organization}"
    events = [f"/projects/{asked.organization}/{slug}/events/" for slug in slugs]
    kinds = {
        "projects list": [f"{organization}/projects/"],
        "issue pages of 100": [f"{organization}/issues/?query=&project=-1"],
        "event pages of 100": [f"{path}?cursor=0:{o}:0" for path in events for o in range(0, 2000, 100)],
        "full event pages of 10": [
            f"{path}?full=1&cursor=0:{o}:0" for path in events for o in range(0, 400, 10)
        ],
        "one full event page, never cached": [f"{events[0]}?full=1&statsPeriod=80d"],
        "discover, counts by day": [
            f"{organization}/events/?field=timestamp.to_day&field=count()&project=-1&dataset=errors"
        ],
    }
    results: list[tuple[str, float, float]] = []
    try:
        for name, paths in kinds.items():
            begun = time.perf_counter()
            clients = asyncio.run(_load(port, paths, asked.token, seconds, connections))
            took = time.perf_counter() - begun
            if bad := sum(client.bad for client in clients):
                raise RuntimeError(f"{name}: {bad} answers were not 200")
            answers = sum(client.answers for client in clients)
            results.append((name, answers / took, sum(client.bytes for client in clients) / took / 1e6))
    finally:
        ours.send("stop")
        process.join(10)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how fast the sandbox serves on this machine.")
    parser.add_argument("--seconds", type=float, default=3.0, help="per kind of page")
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    for name, rate, megabytes in measure(min(asked.seconds, 60), min(asked.connections, 64)):
        sys.stdout.write(f"{name:36} {rate:8.0f} requests/s {megabytes:8.1f} MB/s\n")
    from .bodies import generate_full_events

    begun, size, count = time.perf_counter(), 0, 5_000
    for body in generate_full_events(1, count):
        size += len(body)
    took = time.perf_counter() - begun
    sys.stdout.write(
        f"{'full events generated':36} {count / took:8.0f} events/s   {size / took / 1e6:8.1f} MB/s\n"
    )


if __name__ == "__main__":
    main()

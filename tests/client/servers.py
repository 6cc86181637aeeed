"""Small real HTTP servers on 127.0.0.1: one plays a script of answers, one counts as Sentry does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """A request as the server saw it."""

    path: str
    headers: dict[str, str]


@dataclass
class Reply:
    """What the server sends; `raw` is written as it is and the connection closed."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    then: Callable[[socket.socket], None] | None = None


Answering = Callable[[Asked], Reply]


class Server:
    """A running server; `asked` is what it saw, `connections` how many were opened."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked: list[Asked] = []
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def do_GET(self) -> None:
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()})
                server.asked.append(asked)
                try:
                    self._send(server.answering(asked))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def _send(self, reply: Reply) -> None:
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    self.wfile.flush()
                    self.close_connection = True
                else:
                    headers = {
                        "Date": formatdate(usegmt=True),
                        "Content-Type": "application/json",
                        "Content-Length": str(len(reply.body)),
                    } | reply.headers
                    head = [f"HTTP/1.1 {reply.status} X"]
                    head += [f"{name}: {value}" for name, value in headers.items() if value != ""]
                    self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + reply.body)
                    self.wfile.flush()
                if reply.then is not None:
                    self.close_connection = True
                    reply.then(self.connection)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def serving(answers: Answering | Reply | Sequence[Reply]) -> Iterator[Server]:
    """A server that answers by a function, always the same, or in turn (the last one for good)."""
    if isinstance(answers, Reply):
        answers = [answers]
    if callable(answers):
        answering = answers
    else:
        queue = list(answers)

        def answering(asked: Asked) -> Reply:
            return queue.pop(0) if len(queue) > 1 else queue[0]

    server = Server(answering)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


class Limited:
    """Counts in fixed windows, per group, with Sentry's headers (facts §2). Thread-safe.

    groups   path → (requests, window in seconds, concurrency)
    latency  seconds an answer takes
    skew     seconds the server's clock is ahead of ours
    """

    def __init__(
        self,
        group_of: Callable[[str], tuple[str, int, int, int | None]],
        latency: float = 0.1,
        skew: float = 0.0,
    ) -> None:
        self.group_of = group_of
        self.latency = latency
        self.skew = skew
        self.lock = threading.Lock()
        self.used: dict[tuple[str, int], int] = {}
        self.at_once: dict[str, int] = {}
        self.answers: dict[str, list[tuple[float, int]]] = {}

    def count(self, group: str, limit: int, window: int) -> tuple[int, int]:
        """Take one from the count: how many were used before, and when the window ends."""
        number = int((time.time() + self.skew) // window)
        with self.lock:
            used = self.used[group, number] = self.used.get((group, number), 0) + 1
        return used - 1, (number + 1) * window

    def __call__(self, asked: Asked) -> Reply:
        group, limit, window, concurrency = self.group_of(asked.path)
        with self.lock:
            at_once = self.at_once[group] = self.at_once.get(group, 0) + 1
        try:
            used, reset = self.count(group, limit, window)
            headers = {
                "X-Sentry-Rate-Limit-Limit": str(limit),
                "X-Sentry-Rate-Limit-Remaining": str(max(0, limit - used - 1)),
                "X-Sentry-Rate-Limit-Reset": str(reset),
                "X-Sentry-Rate-Limit-ConcurrentLimit": str(concurrency or 999),
                "X-Sentry-Rate-Limit-ConcurrentRemaining": str((concurrency or 999) - at_once),
            }
            status, body = 200, b"[]"
            if concurrency is not None and at_once > concurrency:
                status, body = 429, b'{"detail":"Above the allowed concurrency. Concurrency limit is 1"}'
            elif used >= limit:
                status = 429
                words = f"too frequently. Limit is {limit} requests in {window} seconds"
                body = f'"You are attempting to use this endpoint {words}"'.encode()
                headers["X-Sentry-Rate-Limit-ConcurrentRemaining"] = "None"
            else:
                time.sleep(self.latency)
        finally:
            with self.lock:
                self.at_once[group] -= 1
        with self.lock:
            self.answers.setdefault(group, []).append((time.monotonic(), status))
        headers["Date"] = formatdate(time.time() + self.skew, usegmt=True)
        return Reply(status, body, headers)

"""A small server in front of a sandbox: another address, a path prefix, or answers of its own."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

DROPPED = ("connection", "transfer-encoding", "content-length", "host")


@dataclass(slots=True)
class Answered:
    """An answer in place of the sandbox's."""

    status: int
    body: bytes = b'{"detail":"You do not have permission to perform this action."}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Answers = Callable[[str], Answered | None]
"""Path with query → what to answer; None = ask the sandbox."""

Change = Callable[[str, bytes], bytes]
"""Path and body of the sandbox's answer → the body that is sent."""


@contextmanager
def proxy(
    target: str,
    *,
    prefix: str = "",
    answers: Answers = lambda _: None,
    headers: Callable[[str], dict[str, str]] = lambda _: {},
    change: Change = lambda _, body: body,
) -> Iterator[str]:
    """Serves the target below the prefix (404 elsewhere), on loopback; gives its URL."""
    host = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.removeprefix(prefix)
            given = answers(path) if self.path.startswith(f"{prefix}/") else Answered(404, b"<html>no</html>")
            if given is None:
                given = self._forward(path)
            self.send_response(given.status)
            for name, value in {**given.headers, **headers(path)}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def _forward(self, path: str) -> Answered:
            connection = http.client.HTTPConnection(host, timeout=30)
            try:
                sent = {k: v for k, v in self.headers.items() if k.lower() not in DROPPED}
                connection.request("GET", path, headers=sent)
                answer = connection.getresponse()
                body = change(path, answer.read())
                kept = {k: v for k, v in answer.getheaders() if k.lower() not in (*DROPPED, "date")}
                return Answered(answer.status, body, kept)
            finally:
                connection.close()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

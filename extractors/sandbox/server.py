"""The web server around the sandbox: the only place that knows sockets, threads and uvicorn."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from types import TracebackType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import App
from .options import SandboxOptions

Send = Callable[[dict[str, Any]], Awaitable[None]]
_TRANSPORT = "sandbox.transport"


class _Protocol(HttpToolsProtocol):
    """uvicorn's own, which also hands the connection on: some faults are of the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = cast("dict[str, Any]", self.scope)
        scope[_TRANSPORT] = self.transport


class _Asgi:
    def __init__(self, app: App) -> None:
        self._app = app
        self._world = app.world
        self._latency = app.options.latency
        self._stall = app.options.stall_seconds
        self._date = (0, b"")

    def _date_header(self) -> tuple[bytes, bytes]:
        now = int(self._world.now().timestamp())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return (b"date", self._date[1])

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            return
        authorization = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
                break
        path = scope["path"]
        raw_path = scope["raw_path"].split(b"?", 1)[0].decode("ascii", "replace")
        query = scope["query_string"].decode("ascii", "replace")
        if path.startswith("/_sandbox/"):
            answer = await asyncio.to_thread(
                self._app.answer, scope["method"], path, raw_path, query, authorization
            )
        else:
            answer = self._app.answer(scope["method"], path, raw_path, query, authorization)
        try:
            if self._latency and path.startswith("/api/"):
                await asyncio.sleep(self._latency)
            response = answer.response
            body = b"" if scope["method"] == "HEAD" else response.body
            length = len(response.body) + (9999 if answer.manner == "truncated" else 0)
            if answer.manner == "reset":
                scope[_TRANSPORT].abort()
                return
            if answer.manner == "stall":
                await asyncio.sleep(self._stall)
                scope[_TRANSPORT].abort()
                return
            headers = [
                *response.headers,
                *answer.headers,
                (b"content-length", b"%d" % length),
                self._date_header(),
            ]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            if answer.manner == "truncated":
                await send({"type": "http.response.body", "body": body, "more_body": True})
                scope[_TRANSPORT].close()
                return
            await send({"type": "http.response.body", "body": body})
        finally:
            if answer.bucket is not None:
                self._app.limits.done(answer.bucket)


def _server(app: App, host: str, port: int) -> tuple[uvicorn.Server, socket.socket]:
    config = uvicorn.Config(
        _Asgi(app),
        http=_Protocol,
        ws="none",
        loop="auto",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    listener = socket.create_server((host, port), backlog=1024)
    return uvicorn.Server(config), listener


class Sandbox:
    """A simulated Sentry on loopback, in a thread of its own; a context manager."""

    def __init__(self, options: SandboxOptions | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.options = options or SandboxOptions()
        self.app = App(self.options)
        self.token = self.options.token
        self.organization = self.options.organization
        self._server, self._listener = _server(self.app, host, port)
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        if self._thread is not None:
            return
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sentry-sandbox", daemon=True)
        self._thread.start()
        if not ready.wait(30):
            raise RuntimeError("the sandbox did not start within 30 seconds")

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            # Only the main thread may install signal handlers, and this is not it.
            self._server.config.load()
            self._server.lifespan = self._server.config.lifespan_class(self._server.config)
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            await self._server.startup(sockets=[self._listener])
            ready.set()
            await self._stopping.wait()
            # uvicorn's own way out waits for clients; here nothing is worth a wait.
            for server in self._server.servers:
                server.close()
            for connection in list(self._server.server_state.connections):
                connection.shutdown()
            await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve())

    def stop(self) -> None:
        if self._thread is None:
            self._listener.close()
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._listener.close()
        self._thread = None

    def pass_night(self, nights: int = 1, *, quiet: bool = False) -> list[str]:
        """Move the clock by whole days and let things happen; one line for each that did.

        A quiet night brings no events and no decisions, only the passing of time.
        """
        return self.app.pass_night(nights, quiet=quiet)

    def truth(self, table: str) -> list[dict[str, Any]]:
        """What the sandbox holds and what was ever true; see `truth.Truth`."""
        return self.app.truth.table(table)

    def requests(self) -> list[dict[str, Any]]:
        """The last requests, oldest first; status 0 for those that got no whole answer."""
        return self.app.requests()

    def lose(self, what: str, **how: Any) -> None:
        """Begin to lose something without a word; see `losses`."""
        self.app.lose(what, how)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def serve(options: SandboxOptions, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve until Ctrl-C or SIGTERM; says where, and how to export from it, once it listens."""
    sandbox = Sandbox(options, host, port)
    stopped = threading.Event()
    previous = {
        sign: signal.signal(sign, lambda *_: stopped.set()) for sign in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with sandbox:
            sys.stdout.write(
                f"A simulated Sentry listens on {sandbox.url}\n"
                f"  organization  {sandbox.organization}\n"
                f"  token         {sandbox.token}\n\n"
                f"Export from it:\n"
                f"  SENTRY_URL={sandbox.url} SENTRY_ORG={sandbox.organization} "
                f"SENTRY_AUTH_TOKEN={sandbox.token} sentry-warehouse export\n\n"
                f"Let a night pass:\n  curl -X POST '{sandbox.url}/_sandbox/night'\n\nCtrl-C ends it.\n"
            )
            sys.stdout.flush()
            while not stopped.wait(0.5):
                pass
    finally:
        for sign, handler in previous.items():
            signal.signal(sign, handler)

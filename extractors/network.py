"""The network below httpx: connections whose reads a stop or a deadline ends, and what their errors mean."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from extractors.errors import Stopped, Trouble, Unreachable

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10.0
"""A host that has not taken a connection by then is down or behind a wall that drops packets."""
USER_AGENT = "sentry-warehouse"
STOP_SECONDS = 0.25
"""How long a read or a connection attempt goes on after the run was asked to stop."""
IDLE_SECONDS = 20.0
"""Idle connections are closed by us after this, sooner than common servers do (60-75 s)."""


class Watch(threading.local):
    """What this thread's request is bound by. One value per thread; `stop` is shared."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.deadline = 0.0
        self.connected = False

    def begin(self, seconds: float) -> None:
        """A request starts: its whole answer must be here in so many seconds."""
        self.deadline = time.monotonic() + seconds
        self.connected = False

    def aside(self, work: Callable[[], Any]) -> Any:
        """The result of what cannot be interrupted (name look-up, connect, TLS), done in another thread.

        Raises what `work` raises, and Stopped; then the stream that still comes is closed unused.
        """
        results: list[Any] = []
        errors: list[Exception] = []
        done = threading.Event()
        abandoned = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # noqa: BLE001 - handed on to the thread that waits
                errors.append(error)
            done.set()
            if abandoned.is_set() and results:
                results[0].close()

        threading.Thread(target=run, daemon=True, name="connect").start()
        while not done.wait(STOP_SECONDS):
            if self.stop.is_set():
                abandoned.set()
                raise Stopped()
        if errors:
            raise errors.pop()
        return results.pop()


class _Stream:
    """A connection as httpcore sees it (its NetworkStream), whose reads look up now and then."""

    def __init__(self, inner: Any, watch: Watch, read_timeout: type[Exception]) -> None:
        self._inner = inner
        self._watch = watch
        self._read_timeout = read_timeout

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = self._watch.deadline
        if timeout is not None:
            end = min(end, time.monotonic() + timeout)
        while True:
            if self._watch.stop.is_set():
                raise Stopped()
            left = end - time.monotonic()
            if left <= 0:
                raise self._read_timeout("no bytes in time")
            with suppress(self._read_timeout):
                data: bytes = self._inner.read(max_bytes, min(left, STOP_SECONDS))
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        secured = self._watch.aside(lambda: self._inner.start_tls(ssl_context, server_hostname, timeout))
        return _Stream(secured, self._watch, self._read_timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend:
    """httpcore's network backend (its NetworkBackend), but for what `_Stream` adds."""

    def __init__(self, watch: Watch) -> None:
        import httpcore

        self._inner = httpcore.SyncBackend()
        self._read_timeout = httpcore.ReadTimeout
        self._watch = watch

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> _Stream:
        self._watch.connected = True
        inner = self._watch.aside(lambda: self._inner.connect_tcp(host, port, timeout, **options))
        return _Stream(inner, self._watch, self._read_timeout)

    def sleep(self, seconds: float) -> None:
        self._watch.stop.wait(seconds)


def open_http(ca_bundle: str | None, timeout: float, watch: Watch) -> httpx.Client:
    """A client that verifies TLS, follows no redirect, keeps no cookie, and heeds the proxy variables."""
    import httpx

    try:
        verify = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True
        http = httpx.Client(
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"},
            verify=verify,
            timeout=httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=64, keepalive_expiry=IDLE_SECONDS
            ),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except OSError as error:
        named = error.filename or ca_bundle
        problem = f"{named}: {error.strerror or error}" if named else str(error.strerror or error)
    except (ValueError, ImportError) as error:
        problem = f"{type(error).__name__}: {error}"
    else:
        backend = _Backend(watch)
        # the one private thing we touch: httpx has no public way to hand a backend down to httpcore
        for transport in (http._transport, *http._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = backend  # type: ignore[assignment]  # private, so not typed for others
        _silence_http_logs()
        return http
    raise Unreachable(
        f"The certificates or the proxy cannot be used ({problem}). "
        "Check ca_bundle, SSL_CERT_FILE, HTTPS_PROXY and ALL_PROXY."
    )


class _Asking(threading.local):
    """Whether this thread is in the middle of one of our requests, and how many it has sent."""

    now = False
    sent = 0


asking = _Asking()


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Filter for the HTTP libraries' logs: their lines hold queries and headers, which may name people."""
    return not asking.now


def _silence_http_logs() -> None:
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks"):
        logging.getLogger(name).addFilter(_is_not_ours)  # added once however often


def trouble_of(error: Exception, begun: bool) -> Trouble:
    """What an exception of the HTTP library or below means. `begun`: the answer's headers had come."""
    import httpx

    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Trouble.TLS
    if isinstance(error, httpx.ProxyError):
        return Trouble.PROXY
    if isinstance(error, httpx.ConnectError):
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return Trouble.TLS
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return Trouble.NO_NAME
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        return Trouble.REFUSED if refused else Trouble.NO_ROUTE
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Trouble.NO_ROUTE
    if isinstance(error, httpx.TimeoutException):
        return Trouble.STALLED if begun else Trouble.SILENT
    if isinstance(error, httpx.RemoteProtocolError | httpx.NetworkError):
        return Trouble.TRUNCATED if begun else Trouble.RESET
    return Trouble.TRUNCATED if begun else Trouble.UNSENDABLE


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and all that led to it."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain

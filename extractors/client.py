"""The one place that speaks HTTP: it authenticates, paces, retries, pages, and lets no token out."""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

from extractors.body import LARGEST_BODY, Body
from extractors.errors import (
    DEPRECATION_HEADERS,
    BadQuery,
    Failure,
    Fault,
    NotSentry,
    PagingError,
    Stopped,
    Trouble,
    Unauthorized,
    Unreachable,
    explain,
    judge,
)
from extractors.governor import Allowance, Governor, Route, family_of

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

API = "/api/0"
SAAS = "sentry.io"
"""Sentry's own domain: its regions are us.sentry.io, de.sentry.io and so on (facts §3.3)."""
CONNECT_SECONDS = 10.0
"""A host that has not taken a connection by then is down or behind a wall that drops packets."""
LONGEST_ANSWER = 5
"""An answer may take this many times `timeout` from the first byte sent to the last byte received."""
SLOWEST_BODY = 1024
"""Bytes a second, averaged once `timeout` has passed: slower is a stuck proxy or a hostile server."""
LONGEST_ASKED_SECONDS = 90.0
"""A header may make us wait this long at once: a window of 60 s (facts §2.2) and some; never an hour."""
BROWN_OUT_SECONDS = (5.0, 20.0, 40.0)
"""Waits that outlast the minute that Sentry closes a deprecated endpoint for (its deprecation.py)."""
REFILL = 0.2
"""Retries that each good answer gives back to the run's budget: one bad answer in ten never exhausts it."""
STOP_SECONDS = 0.25
"""How long a read or a connection attempt goes on after the run was asked to stop."""
HOPS = 3
"""Redirects followed for one request: a renamed organization and a renamed project make two."""
EMPTY_PAGES = 1000
"""Pages without a row in a row: issue search may drop whole pages (facts §1.4), but not a thousand."""
SAME_PAGES = 3
"""The same bytes under new cursors, so often in a row, mean that the server ignores the cursor."""
MOST_PAGES = 200_000
"""Of one listing: two million events at the smallest page of 10 rows (facts §1.3)."""
CURSOR_CHARACTERS = 2000
STOPPED = "Asked to stop. Run again to go on from here."
CHUNK = 1 << 20
IDLE_SECONDS = 20.0
"""Idle connections are closed by us after this, sooner than common servers do (60-75 s)."""
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SAFE = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer.

    status       200 … 299
    body         decompressed; JSON, though perhaps with lone surrogates or NaN (transforms.records.repair)
    cursor       of the next page; None when the server says there is none
    date         the server's clock, aware, UTC; ours where the server sent none
    hits         X-Hits: an estimate, never a row count (facts §1.1)
    linked       whether it had a Link header; without one there is no telling whether more follows
    deprecation  headers that announce the endpoint's end, names in lower case
    requests     how many it took, retries and redirects included
    """

    status: int
    body: bytes
    cursor: str | None
    date: datetime
    hits: int | None = None
    linked: bool = True
    deprecation: dict[str, str] | None = None
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a client has used so far: requests sent, answers 429, requests sent again, bytes of bodies."""

    requests: int = 0
    throttled: int = 0
    retried: int = 0
    bytes: int = 0


class _Token:
    """Holds the token where no repr, traceback with locals or log can show it."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def __repr__(self) -> str:
        return "<token>"

    def header(self) -> str:
        return f"Bearer {self.__value}"

    def digest(self) -> str:
        return blake2b(self.__value.encode(), digest_size=8).hexdigest()

    def strike(self, text: str) -> str:
        """The text without the token, should a server echo it."""
        return text.replace(self.__value, "[token]")


@dataclass(slots=True)
class _Course:
    """How one `get` is going: what its retries have used up so far."""

    path: str
    retries: int
    requests: int = 0
    used: float = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    resent: bool = False
    spent: str = ""


@dataclass(frozen=True, slots=True)
class _Received:
    """A whole HTTP answer, headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trouble: Trouble | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Refused:
    """An attempt that brought no answer, and the table's judgement."""

    failure: Failure
    fault: Fault


class Client:
    """Asks one Sentry server, with one token; used by many threads at once.

    url             of the server; a path prefix is kept
    token           sent to that host and its regions only
    governor        shared by all clients of a run
    ca_bundle       PEM file of the authorities to trust instead of the system's
    timeout         seconds of silence before a request is given up
    retry_budget    retries of the whole run, to which good answers add
    max_body_bytes  of one answer, decompressed
    stop            set it, and every wait ends with `Stopped`
    first_wait      seconds before the first retry where no header says; doubles up to `longest_wait`; jitter
                    and the waits for brown-outs are in proportion, which tests make use of

    Raises Unauthorized for a token that cannot be one, NotSentry for a URL that cannot be one.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        governor: Governor | None = None,
        ca_bundle: str | None = None,
        timeout: float = 60.0,
        retry_budget: int = 200,
        max_body_bytes: int = LARGEST_BODY,
        user_agent: str = "sentry-warehouse",
        stop: threading.Event | None = None,
        first_wait: float = 1.0,
        longest_wait: float = 30.0,
    ) -> None:
        self._base = _base_of(url)
        self._token = _Token(_checked(token))
        self._governor = governor or Governor()
        self._ca_bundle = ca_bundle
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        self._user_agent = user_agent
        self._stop = stop or threading.Event()
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self._budget = float(retry_budget)
        self._full_budget = float(retry_budget)
        self._usage = Usage()
        self._reached: set[str] = set()
        self._retired: set[str] = set()
        self._moved: dict[str, str] = {}
        self._regions_refused: set[str] = set()
        self._deprecations: dict[str, dict[str, str]] = {}
        self._watch = _Watch(self._stop)
        self._http: httpx.Client | None = None

    def __repr__(self) -> str:
        return f"Client({self._base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections. The client can be used again."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def usage(self) -> Usage:
        """The counters at this moment."""
        with self._lock:
            return self._usage

    def deprecations(self) -> tuple[tuple[str, dict[str, str]], ...]:
        """(path template, headers) of the endpoints that were announced to go, latest headers each."""
        with self._lock:
            return tuple((path, dict(headers)) for path, headers in sorted(self._deprecations.items()))

    def is_own(self, region: str) -> bool:
        """Whether a region's address is of the configured server's party, so that the token may go there."""
        return _region_base(region, self._base) is not None

    def base_of(self, region: str) -> str:
        """The address at which what lives in a region is asked."""
        return self._base_for(region).removesuffix(API)

    def allowance(self, path: str, region: str | None = None) -> Allowance:
        """The rate limit that requests for this path fall under."""
        host = urlsplit(self._base_for(region)).netloc
        return self._governor.allowance(Route(self._token.digest(), host, family_of(_clean(path))))

    def get(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        *,
        region: str | None = None,
        retries: int = 5,
        follow_slug: bool = True,
    ) -> Answer:
        """Ask once, and again as the table of faults says.

        path         below /api/0, segments percent-encoded where they hold slashes
        parameters   sent in this order, empty values too
        region       base URL of the region the organization lives in; ignored unless it is the server's own
        retries      budget of this call
        follow_slug  follow a redirect to a renamed slug; else it raises Gone with `moved_to`

        Raises a SentryError (see extractors.errors), or Stopped.
        """
        import tenacity

        course = _Course(_clean(path), retries)
        base = self._base_for(region)
        failed = tenacity.retry_if_result(lambda outcome: isinstance(outcome, _Refused))
        retrying = tenacity.Retrying(
            retry=failed,
            stop=lambda state: not self._may_retry(course, state),
            wait=lambda state: self._wait(course, state),
            sleep=self._sleep,
            before_sleep=lambda state: self._note_retry(course, state),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        outcome: Answer | _Refused = retrying(self._attempt, course, base, tuple(parameters), follow_slug)
        if isinstance(outcome, Answer):
            return replace(outcome, requests=course.requests)
        # raised here, outside any except block, so that no context holds a request with its headers
        raise explain(outcome.fault, outcome.failure, course.path, course.requests, course.spent)

    def pages(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]],
        *,
        paging: Literal["per_page", "limit"] | None,
        page_size: int = 100,
        cursor: str = "",
        region: str | None = None,
        retries: int = 5,
    ) -> Iterator[Answer]:
        """Every page of a listing, from `cursor` on, until the server says there is no next one.

        Of the Link header only the cursor is used; it goes to the configured host with these parameters.
        Raises what `get` raises, and PagingError.
        """
        own = [(name, value) for name, value in parameters if name not in ("cursor", paging)]
        if paging is not None:
            own.append((paging, str(page_size)))
        seen = {_digest(cursor.encode())}  # digests: a hostile server's cursors must not fill the memory
        empty = same = 0
        last = b""
        for _ in range(MOST_PAGES):
            asked = [*own, ("cursor", cursor)] if cursor else own
            answer = self.get(path, asked, region=region, retries=retries)
            following = answer.cursor
            yield answer
            if following is None:
                return
            if _digest(following.encode()) in seen:
                raise PagingError(
                    f"GET {path}: the server sent the same cursor again after {len(seen)} pages.", path=path
                )
            digest = _digest(answer.body)
            has_rows = len(answer.body) > 2 and answer.body.strip() != b"[]"
            empty = 0 if has_rows else empty + 1
            same = same + 1 if has_rows and digest == last else 0
            if empty >= EMPTY_PAGES or same + 1 >= SAME_PAGES:
                raise PagingError(
                    f"GET {path}: the same page comes again and again under new cursors.", path=path
                )
            last = digest
            seen.add(_digest(following.encode()))
            cursor = following
        raise PagingError(f"GET {path}: no end after {MOST_PAGES} pages.", path=path)

    # one attempt

    def _attempt(
        self, course: _Course, base: str, parameters: tuple[tuple[str, str], ...], follow_slug: bool
    ) -> Answer | _Refused:
        path = self._moved.get(course.path, course.path)
        query = urlencode(parameters)
        url = base + path + (f"?{query}" if query else "")
        for _ in range(HOPS + 1):
            reused, received = self._exchange(course, url, path)
            location = received.headers.get("location", "")
            if received.trouble is not None or not 300 <= received.status < 400 or not location:
                break
            target = _resolved(url, location)
            if target is None or _origin(target) != _origin(url):
                note = _shown_origin(target or "")
                received = replace(received, trouble=Trouble.ELSEWHERE, note=note)
                break
            moved = _path_below(target, base)
            if not follow_slug:
                received = replace(received, trouble=Trouble.MOVED, note=moved or urlsplit(target).path)
                break
            if moved is not None:
                path = self._remember_move(course, path, moved)
            url = target if urlsplit(target).query or not query else f"{target}?{query}"
        else:
            received = replace(received, trouble=Trouble.CIRCLE)
        return self._judged(course, _origin(base), received, reused)

    def _exchange(self, course: _Course, url: str, path: str) -> tuple[bool, _Received]:
        """Send one request under the governor's permit: was its connection reused, and what came."""
        route = Route(self._token.digest(), urlsplit(url).netloc, family_of(path))
        permit = self._governor.acquire(route, self._stop)
        received: _Received | None = None
        try:
            course.requests += 1
            self._count(requests=1)
            received = self._send(url)
        finally:
            if received is None:
                self._governor.release(permit)
            else:
                text = received.body[:500].decode("utf-8", "replace") if received.status == 429 else ""
                self._governor.release(permit, received.status or None, received.headers, text)
        self._count(throttled=received.status == 429, bytes=len(received.body))
        self._record_deprecation(path, received.headers)
        return not self._watch.connected, received

    def _send(self, url: str) -> _Received:
        """Send it and take the whole answer; every way of failing becomes a Trouble.

        Exceptions of the HTTP library end here: their frames hold the header with the token.
        """
        http = self._open()
        self._watch.begin(LONGEST_ANSWER * self._timeout)
        _asking.now = True
        headers: dict[str, str] = {}
        status = 0
        stopped = False
        try:
            with http.stream("GET", url, headers={"Authorization": self._token.header()}) as response:
                status = response.status_code
                headers = _lowered(response.headers)
                body, trouble = self._read(response)
            return _Received(status, headers, body, trouble, self._limit_note(trouble))
        except Stopped:
            stopped = True
        except Exception as error:  # noqa: BLE001 - whatever a hostile server provokes in the libraries
            trouble = _trouble_of(error, begun=status != 0)
        finally:
            _asking.now = False
        if stopped:
            raise Stopped(STOPPED)
        return _Received(status, headers, b"", trouble)

    def _read(self, response: httpx.Response) -> tuple[bytes, Trouble | None]:
        """The body, decompressed piece by piece, so that a bomb costs no more memory than the limit."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            return b"", Trouble.NOT_JSON
        plain = encoding in ("", "identity")
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: the header tells gzip from zlib
        begun = time.monotonic()
        wire = 0
        with Body(self._max_body_bytes) as body:
            try:
                for chunk in response.iter_raw(CHUNK):
                    wire += len(chunk)
                    pending = chunk
                    while pending:
                        part = pending if plain else inflate.decompress(pending, CHUNK)
                        pending = b"" if plain else inflate.unconsumed_tail
                        if not body.has_room(part):
                            return b"", Trouble.TOO_BIG
                        begun += body.add(part)
                    passed = time.monotonic() - begun
                    if passed > self._timeout and wire < SLOWEST_BODY * passed:
                        return b"", Trouble.STALLED
            except zlib.error:
                return b"", Trouble.TRUNCATED
            if not plain and wire and not inflate.eof:
                return b"", Trouble.TRUNCATED
            return body.whole(), None

    def _limit_note(self, trouble: Trouble | None) -> str:
        return f"more than {self._max_body_bytes >> 20} MB" if trouble is Trouble.TOO_BIG else ""

    def _judged(self, course: _Course, origin: str, received: _Received, reused: bool) -> Answer | _Refused:
        good = received.trouble is None and 200 <= received.status < 300
        if good and is_json(received.body):
            with self._lock:
                self._reached.add(origin)
                self._budget = min(self._full_budget, self._budget + REFILL)
            return _answer(received, course.path)
        failure = Failure(
            status=received.status or None,
            headers={name: self._token.strike(value) for name, value in received.headers.items()},
            body=self._token.strike(received.body[:64_000].decode("utf-8", "replace")).encode(),
            trouble=Trouble.NOT_JSON if good else received.trouble,
            first=origin not in self._reached,
            reused=reused and not course.resent,
            note=self._token.strike(received.note),
        )
        if failure.trouble is None and failure.status != 404 and not failure.html:
            self._reached.add(origin)
        return _Refused(failure, judge(failure))

    # retrying

    def _may_retry(self, course: _Course, state: RetryCallState) -> bool:
        refused = _refused(state)
        fault, tried = refused.fault, course.by_reason[refused.fault.reason]
        family = family_of(course.path)
        if fault.retries is not None and tried >= (
            fault.retries or (not refused.failure.first and fault.later)
        ):
            if fault.wait == "long":
                self._retired.add(family)
            return False
        if fault.wait == "long" and family in self._retired:
            return False
        return self._draw(course, fault)

    def _draw(self, course: _Course, fault: Fault) -> bool:
        if course.used + fault.cost > course.retries:
            return False
        with self._lock:
            if self._budget < fault.cost:
                course.spent = "the retries of this run are used up"
                return False
            self._budget -= fault.cost
        course.used += fault.cost
        course.resent = course.resent or fault.wait == "none"
        course.by_reason[fault.reason] += 1
        return True

    def _wait(self, course: _Course, state: RetryCallState) -> float:
        import tenacity

        refused = _refused(state)
        wait = refused.fault.wait
        if wait == "none":
            return 0.0
        if wait == "long":
            return BROWN_OUT_SECONDS[course.by_reason[refused.fault.reason] - 1] * self._first_wait
        jitter = float(tenacity.wait_random(0, 0.25)(state)) * self._first_wait
        if wait == "asked":
            asked = asked_wait(refused.failure.headers)
            if asked is not None:
                return min(asked, LONGEST_ASKED_SECONDS) + jitter
        exponential = tenacity.wait_exponential(multiplier=self._first_wait, max=self._longest_wait)
        return float(exponential(state)) + jitter

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped(STOPPED)

    def _note_retry(self, course: _Course, state: RetryCallState) -> None:
        refused = _refused(state)
        self._count(retried=1)
        seconds = state.next_action.sleep if state.next_action else 0.0
        what = refused.failure.trouble or refused.failure.status
        log.info("retry GET %s: %s, again in %.1f s", course.path, what, seconds)

    # state shared by the threads

    def _count(self, *, requests: int = 0, throttled: int = 0, retried: int = 0, bytes: int = 0) -> None:
        with self._lock:
            was = self._usage
            self._usage = Usage(
                was.requests + requests, was.throttled + throttled, was.retried + retried, was.bytes + bytes
            )

    def _record_deprecation(self, path: str, headers: Mapping[str, str]) -> None:
        found = _deprecation(headers)
        if found:
            safe = {name: self._token.strike(value) for name, value in found.items()}
            with self._lock:
                self._deprecations[family_of(path)] = safe

    def _remember_move(self, course: _Course, path: str, moved: str) -> str:
        """Later requests go to the new path at once: else every page would cost two."""
        with self._lock:
            self._moved[course.path] = moved
        log.info("GET %s has moved to %s", path, moved)
        return moved

    # the connection

    def _base_for(self, region: str | None) -> str:
        if not region:
            return self._base
        base = _region_base(region, self._base)
        if base is None:
            with self._lock:
                new = region not in self._regions_refused
                self._regions_refused.add(region)
            if new:
                log.info(
                    "region %s is not a host of %s: not used",
                    _shown_origin(region),
                    _shown_origin(self._base),
                )
            return self._base
        return base

    def _open(self) -> httpx.Client:
        """Made on first use, since loading httpx and the certificates takes a tenth of a second."""
        with self._lock:
            if self._http is None:
                self._http = _open_http(self._ca_bundle, self._timeout, self._user_agent, self._watch)
            return self._http


# reading answers


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def is_json(body: bytes) -> bool:
    """Whether it is JSON that can be read, lone surrogates, NaN and bytes that are no UTF-8 included.

    msgspec only scans (1 GB/s); what it refuses gets a second chance with Python's own, laxer reader, as
    transforms.records.repair does.
    """
    import msgspec

    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (ValueError, RecursionError):
        pass
    else:
        return True
    try:
        json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def next_cursor(link: str, path: str = "") -> str | None:
    """The cursor of the next page in a Link header (facts §1.1); None without one or with results="false".

    Raises PagingError when there is a next page but no way to name it.
    """
    for entry in re.split(r",\s*(?=<)", link):
        attributes = dict(re.findall(r';\s*([a-z]+)="([^"]*)"', entry))
        if attributes.get("rel") == "next" and attributes.get("results") != "false":
            cursor: str = attributes.get("cursor", "")
            if not cursor or len(cursor) > CURSOR_CHARACTERS:
                raise PagingError(f"GET {path}: a next page is announced without a usable cursor.", path=path)
            return cursor
    return None


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The Date header, aware, in UTC; None when it is missing or unreadable."""
    return _http_date(headers.get("date", ""))


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks us to wait: Retry-After, else its reset; None when it does not say.

    The reset is an absolute time of the server's clock, so it is read against the answer's own Date.
    """
    asked = headers.get("retry-after", "").strip()
    now = server_date(headers) or datetime.now(UTC)
    if asked.isdigit():
        return float(asked)
    until = _http_date(asked)
    if until is not None:
        return max(0.0, (until - now).total_seconds())
    reset = headers.get("x-sentry-rate-limit-reset", "").strip()
    if reset.isdigit():
        return max(0.0, int(reset) - now.timestamp())
    return None


def _answer(received: _Received, path: str) -> Answer:
    hits = received.headers.get("x-hits", "")
    return Answer(
        status=received.status,
        body=received.body,
        cursor=next_cursor(received.headers.get("link", ""), path),
        date=server_date(received.headers) or datetime.now(UTC),
        hits=int(hits) if hits.isdecimal() else None,
        linked="link" in received.headers,
        deprecation=_deprecation(received.headers),
    )


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _deprecation(headers: Mapping[str, str]) -> dict[str, str] | None:
    return {name: headers[name] for name in DEPRECATION_HEADERS if name in headers} or None


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _refused(state: RetryCallState) -> _Refused:
    outcome = state.outcome.result() if state.outcome else None
    if not isinstance(outcome, _Refused):
        raise TypeError("only refusals are retried")
    return outcome


def _trouble_of(error: Exception, begun: bool) -> Trouble:
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


# addresses


def _checked(token: str) -> str:
    token = token.strip()
    if not token:
        raise Unauthorized("No token. Set SENTRY_AUTH_TOKEN.", reason="no token")
    if not re.fullmatch(r"[!-~]+", token):
        raise Unauthorized(
            "The token holds characters that no token has. Check SENTRY_AUTH_TOKEN.", reason="bad token"
        )
    return token


def _base_of(url: str) -> str:
    """`https://host:port/prefix/api/0`. Raises NotSentry for what cannot be a server's address."""
    wrong = NotSentry(
        "SENTRY_URL must look like https://sentry.io or https://sentry.example.org/prefix.", reason="URL"
    )
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise wrong
    if parts.query or parts.fragment:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/').removesuffix(API)}{API}"


def _region_base(region: str, base: str) -> str | None:
    """The base URL of a region; None when it is not of the same party as the configured server.

    Of the same party are sub-domains of the configured host, and for any host of sentry.io all of that
    domain; over https at its own port, or as the configured server is reached.
    """
    try:
        parts, home = urlsplit(region.strip()), urlsplit(base)
        port = parts.port or _PORTS.get(parts.scheme)
        home_port = home.port or _PORTS[home.scheme]
    except ValueError:
        return None
    host, home_host = parts.hostname or "", home.hostname or ""
    if host == home_host:
        return base
    if (parts.scheme, port) not in (("https", _PORTS["https"]), (home.scheme, home_port)):
        return None
    if "@" in parts.netloc or not _HOST.fullmatch(host) or ".." in f".{host}.":
        return None
    domain = SAAS if home_host.endswith("." + SAAS) else home_host
    if not (host == domain or host.endswith("." + domain)) or _is_address(home_host):
        return None
    netloc = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}{API}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _clean(path: str) -> str:
    """The path as it goes on the wire, with a slash at both ends; percent-encoded segments stay.

    Raises BadQuery for dots that would climb out of it: slugs come from payloads.
    """
    encoded = quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path), safe=_SAFE)
    segments = encoded.strip("/").split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise BadQuery(
            "A path with empty or dotted segments is never asked for.", path=encoded, reason="path"
        )
    return "/" + "/".join(segments) + "/"


def _resolved(url: str, location: str) -> str | None:
    """Where a redirect leads; None when that cannot be read as an address."""
    try:
        target = urljoin(url, location)
        _origin(target)
    except ValueError:
        return None
    return target


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(parts.scheme)}"


def _shown_origin(url: str) -> str:
    """Scheme and host for people, with nothing a server could hide in the rest."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable address"
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{port}" if _HOST.fullmatch(host) else "an unreadable address"


def _path_below(url: str, base: str) -> str | None:
    """The path below /api/0, None when it is elsewhere on the host (a login page)."""
    path = urlsplit(url).path
    prefix = urlsplit(base).path + "/"
    return "/" + path.removeprefix(prefix) if path.startswith(prefix) else None


# the network below httpx: reads that a stop or a deadline ends


class _Watch(threading.local):
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
                raise Stopped(STOPPED)
        if errors:
            raise errors.pop()
        return results.pop()


class _Stream:
    """A connection as httpcore sees it (its NetworkStream), whose reads look up now and then."""

    def __init__(self, inner: Any, watch: _Watch, read_timeout: type[Exception]) -> None:
        self._inner = inner
        self._watch = watch
        self._read_timeout = read_timeout

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = self._watch.deadline
        if timeout is not None:
            end = min(end, time.monotonic() + timeout)
        while True:
            if self._watch.stop.is_set():
                raise Stopped(STOPPED)
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

    def __init__(self, watch: _Watch) -> None:
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


def _open_http(ca_bundle: str | None, timeout: float, user_agent: str, watch: _Watch) -> httpx.Client:
    """A client that verifies TLS, follows no redirect, keeps no cookie, and heeds the proxy variables."""
    import httpx

    try:
        verify = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True
        http = httpx.Client(
            headers={"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"},
            verify=verify,
            timeout=httpx.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=64, keepalive_expiry=IDLE_SECONDS
            ),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except (OSError, ValueError, ImportError) as error:
        problem = f"{type(error).__name__}: {error}"
    else:
        backend = _Backend(watch)
        # the one private thing we touch: httpx has no public way to hand a backend down to httpcore
        for transport in (http._transport, *http._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = backend  # type: ignore[assignment]
        _silence_http_logs()
        return http
    raise Unreachable(
        f"The certificates or the proxy cannot be used ({problem}). "
        "Check ca_bundle, SSL_CERT_FILE, HTTPS_PROXY and ALL_PROXY."
    )


class _Asking(threading.local):
    """Whether this thread is in the middle of one of our requests."""

    now = False


_asking = _Asking()


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Filter for the HTTP libraries' logs: their lines hold queries and headers, which may name people."""
    return not _asking.now


def _silence_http_logs() -> None:
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks"):
        logging.getLogger(name).addFilter(_is_not_ours)  # added once however often

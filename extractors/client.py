"""The one place that speaks HTTP: it authenticates, paces, retries, pages, and lets no token out."""

from __future__ import annotations

import codecs
import logging
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlencode, urlsplit

from extractors.addresses import (
    API,
    base_of,
    clean_path,
    origin_of,
    path_below,
    region_base,
    resolved,
    shown_origin,
)
from extractors.answer import Answer, Received, answer_of, asked_wait, deprecation_of, is_json
from extractors.body import LARGEST_BODY, Body
from extractors.errors import (
    Failure,
    Fault,
    PagingError,
    Stopped,
    Trouble,
    Unauthorized,
    explain,
    judge,
)
from extractors.governor import Allowance, Governor, Route, family_of
from extractors.network import Watch, asking, open_http, trouble_of

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

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
HOPS = 3
"""Redirects followed for one request: a renamed organization and a renamed project make two."""
EMPTY_PAGES = 1000
"""Pages without a row in a row: issue search may drop whole pages (facts §1.4), but not a thousand."""
SAME_PAGES = 3
"""The same bytes under new cursors, so often in a row, mean that the server ignores the cursor."""
MOST_PAGES = 200_000
"""Of one listing: two million events at the smallest page of 10 rows (facts §1.3)."""
CHUNK = 1 << 20


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
        stop: threading.Event | None = None,
        first_wait: float = 1.0,
        longest_wait: float = 30.0,
    ) -> None:
        self._base = base_of(url)
        self._token = _Token(_checked(token))
        self._governor = governor or Governor()
        self._ca_bundle = ca_bundle
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
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
        self._watch = Watch(self._stop)
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
        return region_base(region, self._base) is not None

    def base_of(self, region: str) -> str:
        """The address at which what lives in a region is asked."""
        return self._base_for(region).removesuffix(API)

    def allowance(self, path: str, region: str | None = None) -> Allowance:
        """The rate limit that requests for this path fall under."""
        host = urlsplit(self._base_for(region)).netloc
        return self._governor.allowance(Route(self._token.digest(), host, family_of(clean_path(path))))

    def get(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]] = (),
        *,
        region: str | None = None,
        retries: int = 5,
    ) -> Answer:
        """Ask once, and again as the table of faults says.

        path        below /api/0, segments percent-encoded where they hold slashes
        parameters  sent in this order, empty values too
        region      base URL of the region the organization lives in; ignored unless it is the server's own
        retries     budget of this call

        Raises a SentryError (see extractors.errors), or Stopped.
        """
        import tenacity

        course = _Course(clean_path(path), retries)
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
        outcome: Answer | _Refused = retrying(self._attempt, course, base, tuple(parameters))
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
                    f"GET {path}: the server sent the same cursor again, at page {len(seen)}.", path=path
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
        self, course: _Course, base: str, parameters: tuple[tuple[str, str], ...]
    ) -> Answer | _Refused:
        path = asked = self._moved.get(course.path, course.path)
        query = urlencode(parameters)
        url = base + path + (f"?{query}" if query else "")
        for _ in range(HOPS + 1):
            reused, received = self._exchange(course, url, path)
            location = received.headers.get("location", "")
            if received.trouble is not None or not 300 <= received.status < 400 or not location:
                break
            target = resolved(url, location)
            if target is None or origin_of(target) != origin_of(url):
                note = shown_origin(target or "")
                received = replace(received, trouble=Trouble.ELSEWHERE, note=note)
                break
            path = path_below(target, base) or path
            # the query it names may be less than ours, and would change the answer unseen
            url = urlsplit(target)._replace(query=query, fragment="").geturl()
        else:
            received = replace(received, trouble=Trouble.CIRCLE)
        outcome = self._judged(course, origin_of(base), received, reused)
        if path != asked and isinstance(outcome, Answer):
            self._remember_move(course, path)
        return outcome

    def _exchange(self, course: _Course, url: str, path: str) -> tuple[bool, Received]:
        """Send one request under the governor's permit: was its connection reused, and what came."""
        route = Route(self._token.digest(), urlsplit(url).netloc, family_of(path))
        permit = self._governor.acquire(route, self._stop)
        received: Received | None = None
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

    def _send(self, url: str) -> Received:
        """Send it and take the whole answer; every way of failing becomes a Trouble.

        Exceptions of the HTTP library end here: their frames hold the header with the token.
        """
        http = self._open()
        self._watch.begin(LONGEST_ANSWER * self._timeout)
        asking.now = True
        asking.sent += 1
        headers: dict[str, str] = {}
        status = 0
        stopped = False
        try:
            with http.stream("GET", url, headers={"Authorization": self._token.header()}) as response:
                status = response.status_code
                headers = _lowered(response.headers)
                body, trouble = self._read(response)
            return Received(status, headers, body, trouble, self._note(trouble, headers))
        except Stopped:
            stopped = True
        except Exception as error:  # noqa: BLE001 - whatever a hostile server provokes in the libraries
            trouble = trouble_of(error, begun=status != 0)
        finally:
            asking.now = False
        if stopped:
            raise Stopped()
        return Received(status, headers, b"", trouble)

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
            return body.whole().removeprefix(codecs.BOM_UTF8), None

    def _note(self, trouble: Trouble | None, headers: Mapping[str, str]) -> str:
        if trouble is Trouble.TOO_BIG:
            return f"more than {self._max_body_bytes >> 20} MB"
        if trouble is Trouble.NOT_JSON:
            return f"compressed as {headers.get('content-encoding', '')[:40]!r}, which was not asked for"
        return ""

    def _judged(self, course: _Course, origin: str, received: Received, reused: bool) -> Answer | _Refused:
        good = received.trouble is None and 200 <= received.status < 300
        if good and is_json(received.body):
            with self._lock:
                self._reached.add(origin)
                self._budget = min(self._full_budget, self._budget + REFILL)
            return answer_of(received, course.path)
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
            if asked:  # at once, again and again, would only use the retries up
                return min(asked, LONGEST_ASKED_SECONDS) + jitter
        exponential = tenacity.wait_exponential(multiplier=self._first_wait, max=self._longest_wait)
        return float(exponential(state)) + jitter

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped()

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
        found = deprecation_of(headers)
        if found:
            safe = {name: self._token.strike(value) for name, value in found.items()}
            with self._lock:
                self._deprecations[family_of(path)] = safe

    def _remember_move(self, course: _Course, moved: str) -> None:
        """Later requests go to the new path at once: else every page would cost two."""
        with self._lock:
            self._moved[course.path] = moved
        log.info("GET %s has moved to %s", course.path, moved)

    # the connection

    def _base_for(self, region: str | None) -> str:
        if not region:
            return self._base
        base = region_base(region, self._base)
        if base is None:
            with self._lock:
                new = region not in self._regions_refused
                self._regions_refused.add(region)
            if new:
                log.info(
                    "region %s is not a host of %s: not used",
                    shown_origin(region),
                    shown_origin(self._base),
                )
            return self._base
        return base

    def _open(self) -> httpx.Client:
        """Made on first use, since loading httpx and the certificates takes a tenth of a second."""
        with self._lock:
            if self._http is None:
                self._http = open_http(self._ca_bundle, self._timeout, self._watch)
            return self._http


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _refused(state: RetryCallState) -> _Refused:
    outcome = state.outcome.result() if state.outcome else None
    if not isinstance(outcome, _Refused):
        raise TypeError("only refusals are retried")
    return outcome


def _checked(token: str) -> str:
    token = token.strip()
    if not token:
        raise Unauthorized("No token. Set SENTRY_AUTH_TOKEN.", reason="no token")
    if not re.fullmatch(r"[!#-&(-~]+", token):
        raise Unauthorized(
            "The token holds characters that no token has, such as blanks or quotation marks. "
            "Check SENTRY_AUTH_TOKEN.",
            reason="bad token",
        )
    return token

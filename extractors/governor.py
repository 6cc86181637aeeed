"""Keeps in flight what Sentry's rate limits allow, as its headers reveal them: one governor for a run.

What it knows of the server (facts §2): limits are counts in fixed windows, one count per caller, method and
group of endpoints. Endpoints without a limit of their own share one count, the "default" group. The reset is
an absolute second of the server's clock. Self-hosted servers have no limits and send no headers.

Which requests share a count:
    Endpoints known to have their own limit (OWN, facts §2.2) start with a bucket of their own; all others
    share the default bucket. The headers correct that: a family whose limit and window equal the default
    bucket's joins it (an endpoint may have lost its own limit in a newer server), one whose differ leaves
    it, to share a bucket with the families of that same limit. Joining wrongly costs speed, not 429s.

How a bucket is paced:
    Short windows (under LONG_WINDOW): evenly. The phase of a window of one second cannot be known from a
    Date header of whole seconds, and need not: n requests spaced (window + slack) / n apart never put more
    than n into any window, whatever its phase, if their travel times vary by less than the slack.
    Long windows: as fast as concurrency allows until the window is used up, then not before its end; with
    a reset of a minute, the second that Date leaves open is small.
    Others may use the same count: what `remaining` has lost beyond our own requests is theirs. Then the last
    requests of a window are left alone, and the pace falls while windows run dry and climbs while they do not
    (additive increase, multiplicative decrease: several such processes end up with equal shares).
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from extractors.errors import Stopped

log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 32
"""Of one bucket, whatever its headers allow; the threads of a run are fewer."""
UNLIMITED_IN_FLIGHT = 8
"""Where a server names no limit: self-hosted ones run on small machines, and every request is a query."""
LONG_WINDOW = 5.0
"""Seconds from which on a window is used up and waited for instead of being paced evenly."""
LONGEST_WINDOW = 900.0
"""Resets further away are not believed: the longest window seen in Sentry is ten minutes (facts §2.1)."""
SLACK = 0.03
"""Seconds by which travel times are taken to vary, at first. It costs 3 % of a window of 1 s. A 429 while
no others are about doubles it, a window without one takes a fiftieth off."""
LEAST_SLACK = 0.01
MOST_SLACK = 0.2
"""Of a window: beyond it something else than travel time is the cause."""
CATCH_UP = 0.04
"""A thread that wakes this much late keeps the pace instead of shifting it: busy machines do that."""
LOWEST_SHARE = 0.1
"""Of a limit that others use too; less would starve us."""
LITTLE = 0.02
"""Seconds beyond a reset before the next request: the server's window must really be over."""
CLOCK_SECONDS = 120.0
"""How long the best reading of the server's clock holds; ours and theirs drift apart."""
WINDOWS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
"""Lengths a window may have: what is left of one when we first look is rounded up to these."""
POLL_SECONDS = 0.25
"""How often a waiting thread looks whether the run was asked to stop."""


class Limit(NamedTuple):
    """So many requests in each window of so many seconds, `concurrency` at once (None = not said)."""

    requests: int
    window: float
    concurrency: int | None = None


class Allowance(NamedTuple):
    """What a route may count on.

    bucket  equal for routes that share a count
    limit   None = none is named
    known   by answers of this server; else it is what Sentry's code says
    """

    bucket: tuple[str, str, str]
    limit: Limit | None
    known: bool


OWN: dict[str, Limit] = {
    "/projects/{organization}/{project}/events/": Limit(60, 60, 1),
    "/projects/{organization}/{project}/issues/": Limit(5, 1),
    "/projects/{organization}/{project}/users/": Limit(5, 60),
    "/organizations/{organization}/issues/": Limit(10, 1),
    "/organizations/{organization}/events/": Limit(30, 1, 15),
    "/organizations/{organization}/stats_v2/": Limit(20, 1),
    "/organizations/{organization}/eventids/{id}/": Limit(1, 1),
    "/organizations/{organization}/issues-count/": Limit(10, 1),
    "/organizations/{organization}/issues-stats/": Limit(10, 1),
    "/organizations/{organization}/replay-count/": Limit(20, 1),
    "/organizations/{organization}/issues/{id}/": Limit(5, 1),
    "/organizations/{organization}/issues/{id}/events/{id}/": Limit(15, 1),
    "/issues/{id}/": Limit(5, 1),
    "/issues/{id}/events/{id}/": Limit(15, 1),
    "/issues/{id}/first-last-release/": Limit(5, 1),
}
"""Endpoints with a limit of their own (facts §2.2), as assumed until their first answer."""


class Route(NamedTuple):
    """Which count a request falls under: whose token, which host, which family of endpoints."""

    caller: str
    host: str
    family: str


_COLLECTIONS = frozenset(
    re.findall(
        r"\w+",
        "commits detectors deploys environments eventids events groups integrations issues keys members "
        "monitors projects releases replays repos tags teams users workflows",
    )
)
_SCOPES = {"organizations": ("organization",), "projects": ("organization", "project")}
_SCOPES |= {"teams": ("organization", "team"), "issues": ("id",), "groups": ("id",)}


def family_of(path: str) -> str:
    """The path as a template, ids and slugs replaced: `/projects/{organization}/{project}/events/`."""
    segments = path.strip("/").split("/")
    scope = _SCOPES.get(segments[0], ())
    template = [segments[0], *(f"{{{name}}}" for name in scope[: len(segments) - 1])]
    for segment in segments[len(template) :]:
        is_id = template[-1] in _COLLECTIONS or bool(re.fullmatch(r"\d+|[0-9a-fA-F-]{32,36}", segment))
        template.append("{id}" if is_id else segment)
    return "/" + "/".join(template) + "/"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer tells of its bucket; None where it does not say.

    at           our monotonic clock when it came
    status       None where no answer came at all
    count, left  X-Sentry-Rate-Limit-Limit and -Remaining
    reset        -Reset, seconds of the server's clock
    date         the server's clock, whole seconds
    concurrency  -ConcurrentLimit
    window       from the words of a 429: "Limit is 3 requests in 1 seconds"
    concurrent   a 429 because of too many at once
    """

    at: float
    status: int | None = None
    count: int | None = None
    left: int | None = None
    reset: int | None = None
    date: float | None = None
    concurrency: int | None = None
    window: float | None = None
    retry_after: float | None = None
    concurrent: bool = False

    @classmethod
    def of(cls, at: float, status: int | None, headers: Mapping[str, str], text: str = "") -> Seen:
        """Read from headers, names in lower case. "None", nonsense and absence are the same (facts §2)."""

        def number(name: str) -> int | None:
            value = headers.get(f"x-sentry-rate-limit-{name}", "")
            return int(value) if value.isdecimal() and len(value) < 12 else None

        try:
            date = parsedate_to_datetime(headers.get("date", "")).replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            date = datetime.now(UTC).timestamp()
        words = re.search(r"requests in (\d{1,4}) seconds", text)
        retry_after = headers.get("retry-after", "")
        count, left, reset = number("limit"), number("remaining"), number("reset")
        if reset is not None and not -2 <= reset - date <= LONGEST_WINDOW:
            reset = None
        if count == 0:
            count = None
        return cls(
            at=at,
            status=status,
            count=count,
            left=left,
            reset=reset,
            date=date,
            concurrency=number("concurrentlimit") or None,
            window=float(words[1]) if words else None,
            retry_after=float(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else None,
            concurrent=status == 429 and "concurren" in text.lower(),
        )


@dataclass(slots=True)
class Window:
    """What we know of one window of a bucket.

    reset      the server's second at which it ends
    left       requests that remain at most
    answered   of ours, counted in it
    others     requests of others counted in it, at least
    throttled  429s in it
    """

    reset: int
    left: float = math.inf
    answered: int = 0
    others: int = 0
    throttled: int = 0


class Bucket:
    """One count of the server, and our pace under it. Pure: the caller holds the lock and tells the time.

    limit    None = the server names none
    learnt   an answer has confirmed it
    """

    def __init__(self, name: str, limit: Limit | None = None) -> None:
        self.name = name
        self.limit = limit
        self.learnt = False
        self.in_flight = 0
        self.room = 1.0  # the first answer is awaited before a second request is sent
        self.slack = SLACK
        self.share = 1.0
        self.next_at = -math.inf
        self.blocked_until = -math.inf
        self.window = Window(0)  # the one we are in, by the latest answer or by our clock
        self.window_end = -math.inf
        self._windows = {0: self.window}
        self._last_reset = 0
        self._sure = False  # of the window's length: two of them were seen
        self._first_at = -math.inf
        self._others_before = 0
        self._slowed_at = -math.inf
        self._starting = True

    @property
    def long(self) -> bool:
        return self.limit is not None and self.limit.window >= LONG_WINDOW

    @property
    def others(self) -> int:
        """Requests of others in a window, as last seen."""
        return max(self.window.others, self._others_before)

    def delay(self, now: float) -> float:
        """Seconds until a request may start: 0 = now, inf = when one in flight ends."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if self.in_flight >= self._most_in_flight():
            return math.inf
        if self.limit is None or not self.learnt:
            return 0.0
        if now >= self.window_end:
            self._next_window(now)
        # others may have as many on their way as we; where a window is paced evenly, both pace themselves
        reserve = self.in_flight * (2 if self.long else 1) + 1 if self.others else 0
        if (
            (self.long or self.others or not self._sure)
            and self.window.left <= reserve
            and now < self.window_end
        ):
            return self.window_end - now
        return 0.0 if self.long else max(0.0, self.next_at - now)

    def start(self, now: float) -> None:
        """A request starts."""
        self.in_flight += 1
        if self.limit is None or not self.learnt:
            self._first_at = now
            return
        self.window.left -= 1
        self.next_at = max(self.next_at, now - CATCH_UP) + self._spacing(self.limit)

    def finish(self, seen: Seen, epoch: float) -> None:
        """A request of ours has ended. `epoch`: our monotonic time of the server's second 0."""
        self.in_flight -= 1
        if seen.count is not None:
            self._learn(seen)
            if seen.reset is not None:
                self._account(seen, seen.reset, epoch)
        else:
            self.window.answered += 1  # the server may have counted it
            if seen.status == 200 and not self.learnt:
                self.limit = None
                self.learnt = True
        if seen.status == 429:
            self._throttle(seen, epoch)
        elif seen.status is None or seen.status in (408, 503, 504):
            self._slow(seen.at)
        elif seen.status < 500:
            self.room = min(self.room + (1.0 if self._starting else 1.0 / self.room), MOST_IN_FLIGHT)

    def _spacing(self, limit: Limit) -> float:
        return (limit.window + self.slack) / (limit.requests * self.share)

    def _most_in_flight(self) -> int:
        most = MOST_IN_FLIGHT if self.limit is not None else UNLIMITED_IN_FLIGHT
        if self.limit is not None and self.limit.concurrency is not None:
            most = min(most, self.limit.concurrency)
        return max(1, min(most, int(self.room)))

    def _learn(self, seen: Seen) -> None:
        was = self.limit if self.learnt else None
        window = was.window if was else 0.0
        if seen.window is not None:
            window = seen.window
        elif seen.reset is not None and seen.date is not None:
            window = max(window, _whole_window(seen.reset - seen.date))
        assumed = self.limit if was is None and seen.window is None else None
        if assumed is not None and (seen.reset is None or assumed.requests == seen.count):
            window = max(window, assumed.window)  # a reset tells only what is left of a window
        concurrency = seen.concurrency if seen.concurrency is not None else was.concurrency if was else None
        self.limit = Limit(seen.count or 1, max(window, 1.0), concurrency)
        if was is None:
            self.next_at = self._first_at + self._spacing(self.limit)
        self.learnt = True

    def _account(self, seen: Seen, reset: int, epoch: float) -> None:
        """Book an answer in the window the server counted it in; it may come when that is over."""
        if self.limit is None:
            return
        if reset > self._last_reset:
            if reset < self._last_reset + self.limit.window:
                self.limit = self.limit._replace(window=float(reset - self._last_reset))
            self._sure = self._last_reset > 0
            self._last_reset = reset
            # those in flight may have been counted in it before this answer shows it to us
            fresh = Window(reset, left=self.limit.requests - self.in_flight - 1)
            self._enter(self._windows.get(reset, fresh))
        elif reset not in self._windows:
            return
        window = self._windows[reset]
        if window is self.window:
            self.window_end = epoch + reset + LITTLE
        if seen.status != 429:
            window.answered += 1
        if seen.left is not None:
            window.left = min(window.left, seen.left)
            used = self.limit.requests - seen.left
            window.others = max(window.others, used - window.answered - self.in_flight)

    def _next_window(self, now: float) -> None:
        """Our clock says that the window is over, before any answer of the next one says so."""
        if self.limit is None or self.window_end == -math.inf:
            return
        passed = (math.floor((now - self.window_end) / self.limit.window) + 1) * self.limit.window
        self.window_end += passed
        self._enter(Window(self.window.reset + round(passed), left=self.limit.requests - self.in_flight))

    def _enter(self, window: Window) -> None:
        """Go over to a new window, and learn from the old one.

        Others there, and it ran dry? Then less for us; else more again.
        """
        old = self.window
        if window is old:
            return
        if old.others > 0 and (old.throttled > 0 or old.left <= 0):
            self.share = max(LOWEST_SHARE, self.share * (0.7 if old.throttled else 0.85))
        else:
            self.share = min(1.0, self.share + 0.02)
        if not old.throttled:
            self.slack = max(LEAST_SLACK, self.slack * 0.98)
        self._others_before = old.others
        self.window = window
        self._windows = {old.reset: old, window.reset: window}

    def _throttle(self, seen: Seen, epoch: float) -> None:
        if seen.concurrent:
            self._slow(seen.at)
            self.blocked_until = max(self.blocked_until, seen.at + 0.1)
            return
        if seen.retry_after is not None:
            self.blocked_until = max(self.blocked_until, seen.at + min(seen.retry_after, LONGEST_WINDOW))
        elif seen.reset is not None and self.limit is not None:
            window = self._windows.get(seen.reset, self.window)
            window.left = 0
            window.throttled += 1
            end = min(epoch + seen.reset + LITTLE, seen.at + self.limit.window + LITTLE)
            self.blocked_until = max(self.blocked_until, end)
            if not self.others and window.throttled == 1:
                self.slack = min(max(self.slack * 2, SLACK), MOST_SLACK * self.limit.window)
        else:  # from the query engine behind Sentry, which names no limit: fewer at once
            self._slow(seen.at)
        self.next_at = max(self.next_at, self.blocked_until)

    def _slow(self, now: float) -> None:
        """The server is overloaded: half as many at once, once a second at most."""
        if now - self._slowed_at >= 1.0:
            self._slowed_at = now
            self._starting = False
            self.room = max(1.0, min(self.room, self.in_flight + 1) / 2)


@dataclass(slots=True)
class Permit:
    """The right to send one request; given back with `Governor.release`."""

    route: Route
    bucket: Bucket


@dataclass(slots=True)
class _Clock:
    """Our monotonic time of a server's second 0: the earliest that its Date headers allow.

    Date is cut to whole seconds and travels, so every reading is late by up to a second; the earliest of
    many is late by little more than the travel time.
    """

    epoch: float = math.inf
    read_at: float = -math.inf

    def read(self, seen: Seen) -> float:
        if seen.date is not None:
            epoch = seen.at - seen.date
            if epoch < self.epoch or seen.at - self.read_at > CLOCK_SECONDS or epoch > self.epoch + 2:
                self.epoch, self.read_at = epoch, seen.at
        return self.epoch


class Governor:
    """Paces the requests of all threads and clients of a run.

    now   the monotonic clock, in seconds; tests bring their own
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[Route, Bucket] = {}
        self._rooms: dict[Bucket, threading.Condition] = {}
        self._clocks: dict[str, _Clock] = {}
        self._remembered: dict[str, dict[str, Limit]] = {}

    def acquire(self, route: Route, stop: threading.Event | None = None) -> Permit:
        """Wait until a request of this route may be sent.

        Raises Stopped when `stop` is set meanwhile.
        """
        with self._lock:
            while True:
                if stop is not None and stop.is_set():
                    raise Stopped()
                bucket = self._bucket(route)
                now = self._now()
                delay = bucket.delay(now)
                if delay <= 0:
                    bucket.start(now)
                    return Permit(route, bucket)
                self._room_in(bucket).wait(min(delay, POLL_SECONDS))

    def release(
        self,
        permit: Permit,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        text: str = "",
    ) -> None:
        """The request has ended: with this status and these headers (lower case), or without an answer.

        text   the beginning of a 429's body, which may name the limit
        """
        seen = Seen.of(self._now(), status, headers or {}, text)
        with self._lock:
            epoch = self._clocks.setdefault(permit.route.host, _Clock()).read(seen) if headers else math.inf
            bucket = self._settle(permit, seen)
            if bucket is not permit.bucket:
                permit.bucket.in_flight -= 1
                bucket.in_flight += 1
            bucket.finish(seen, epoch)
            self._room_in(bucket).notify(2)  # its own place, and the one by which there may be more

    def allowance(self, route: Route) -> Allowance:
        """What requests of this route may count on, by the answers so far and what was restored."""
        with self._lock:
            bucket = self._bucket(route)
            default = self._bucket(route._replace(family=DEFAULT))
            remembered = self._remembered.get(route.host, {})
            if not bucket.learnt and route.family not in remembered and default.learnt and not default.limit:
                bucket = default  # the server names no limits at all
            known = bucket.learnt or (DEFAULT if bucket is default else route.family) in remembered
            return Allowance((route.caller, route.host, bucket.name), bucket.limit, known)

    def snapshot(self) -> dict[str, Any]:
        """What was learnt, as JSON can hold it: {host: {family: [count, window, concurrency]}}; no token."""
        with self._lock:
            learnt: dict[str, Any] = {
                host: {family: list(limit) for family, limit in limits.items()}
                for host, limits in self._remembered.items()
            }
            for route, bucket in self._buckets.items():
                if bucket.learnt and bucket.limit is not None:
                    learnt.setdefault(route.host, {})[route.family] = list(bucket.limit)
            return learnt

    def restore(self, learnt: Mapping[str, Any]) -> None:
        """Start from the snapshot of an earlier run; what cannot be read is ignored."""
        with self._lock:
            for host, limits in learnt.items():
                for family, limit in limits.items() if isinstance(limits, Mapping) else ():
                    try:
                        count, window, concurrency = limit
                        known = Limit(int(count), float(window), int(concurrency) if concurrency else None)
                    except (TypeError, ValueError):
                        continue
                    if known.requests > 0 and 0 < known.window <= LONGEST_WINDOW:
                        self._remembered.setdefault(str(host), {})[str(family)] = known

    def _room_in(self, bucket: Bucket) -> threading.Condition:
        """Where threads wait for a place: one per bucket, so that none wakes for another's."""
        return self._rooms.setdefault(bucket, threading.Condition(self._lock))

    def _bucket(self, route: Route) -> Bucket:
        found = self._buckets.get(route)
        if found is None:
            found = self._buckets[route] = self._first_bucket(route)
        return found

    def _first_bucket(self, route: Route) -> Bucket:
        remembered = self._remembered.get(route.host, {})
        known, shared = remembered.get(route.family), remembered.get(DEFAULT)
        if route.family in OWN and (known is None or known != shared):
            return Bucket(route.family, known or OWN[route.family])
        if route.family == DEFAULT or known is None or known == shared:
            default = route._replace(family=DEFAULT)
            return self._bucket(default) if route.family != DEFAULT else Bucket(DEFAULT, shared)
        return self._group(route, known)

    def _settle(self, permit: Permit, seen: Seen) -> Bucket:
        """The bucket that the headers say a request belongs to: see the module's beginning."""
        route = permit.route
        bucket = self._bucket(route)
        if seen.count is None:
            return bucket
        default = self._bucket(route._replace(family=DEFAULT))
        if bucket is default:
            if not default.learnt or default.limit is None or default.limit.requests == seen.count:
                return default
            self._buckets[route] = self._group(
                route, Limit(seen.count, _whole_window_of(seen), seen.concurrency)
            )
            log.info("%s has a limit of its own: %s", route.family, seen.count)
        elif (
            default.learnt
            and default.limit is not None
            and bucket.limit is not None
            and bucket.learnt
            and default.limit[:2] == bucket.limit[:2]
            and default.limit.requests == seen.count
        ):
            self._buckets[route] = default
        return self._buckets[route]

    def _group(self, route: Route, limit: Limit) -> Bucket:
        """The bucket of the unlisted families of this caller and host with this limit."""
        name = f"{limit.requests} in {limit.window:g} s"
        for other, bucket in self._buckets.items():
            if other[:2] == route[:2] and bucket.name == name:
                return bucket
        return Bucket(name, limit)


DEFAULT = "default"
"""The family that stands for all without a limit of their own."""


def _whole_window(seconds: float) -> float:
    return next((window for window in WINDOWS if seconds <= window), LONGEST_WINDOW)


def _whole_window_of(seen: Seen) -> float:
    if seen.window is not None:
        return seen.window
    if seen.reset is None or seen.date is None:
        return 1.0
    return _whole_window(seen.reset - seen.date)

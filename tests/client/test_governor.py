"""The governor in simulated time: near the limit, hardly a 429, no bucket in another's way."""

from __future__ import annotations

import heapq
import itertools
import json
import math
import random
import threading
from dataclasses import dataclass, field

import pytest

from extractors.errors import Stopped
from extractors.governor import DEFAULT, Bucket, Governor, Limit, Permit, Route, Seen, _Clock, family_of

HOST = "sentry.example"
EVENTS = "/projects/{organization}/{project}/events/"
PROJECTS = "/organizations/{organization}/projects/"
RELEASES = "/organizations/{organization}/releases/"


@dataclass
class Count:
    """A fixed-window count of the server, at the server's own time."""

    requests: int
    window: int
    concurrency: int = 999
    used: dict[int, int] = field(default_factory=dict)
    at_once: int = 0

    def arrive(self, time: float) -> tuple[int, int, int, bool]:
        """(status, remaining, reset, too many at once)"""
        number = int(time // self.window)
        reset = (number + 1) * self.window
        if self.at_once > self.concurrency:
            return 429, self.requests - self.used.get(number, 0), reset, True
        used = self.used[number] = self.used.get(number, 0) + 1
        return (200 if used <= self.requests else 429), max(0, self.requests - used), reset, False


@dataclass
class Crawl:
    """A process with threads that have nothing to do but ask."""

    threads: int = 8
    bucket: Bucket = field(default_factory=lambda: Bucket("b"))
    clock: _Clock = field(default_factory=_Clock)
    good: int = 0
    throttled: int = 0
    finished_at: float = 0.0


def simulate(
    count: Count,
    crawls: list[Crawl],
    requests: int,
    *,
    latency: float = 0.1,
    jitter: float = 0.0,
    server_ahead: float = 1_800_000_000.37,
) -> None:
    """Run until each crawl has its good answers. Requests arrive half a latency after they start."""
    chance = random.Random(1)
    order = itertools.count()
    events: list[tuple[float, int, str, int, object]] = []
    idle = [crawl.threads for crawl in crawls]
    now = 0.0
    while any(crawl.good < requests for crawl in crawls):
        wake = math.inf
        for index, crawl in enumerate(crawls):
            while idle[index] and crawl.good < requests:
                delay = crawl.bucket.delay(now)
                if delay > 0:
                    wake = min(wake, now + delay)
                    break
                crawl.bucket.start(now)
                idle[index] -= 1
                travel = latency / 2 + chance.uniform(0, jitter)
                heapq.heappush(events, (now + travel, next(order), "arrive", index, None))
        if not events and wake == math.inf:
            raise AssertionError("nobody moves")
        if not events or wake < events[0][0]:
            now = wake
            continue
        now, _, what, index, answer = heapq.heappop(events)
        if what == "arrive":
            count.at_once += 1
            answer = (*count.arrive(now + server_ahead), math.floor(now + server_ahead))
            heapq.heappush(events, (now + latency / 2, next(order), "finish", index, answer))
            continue
        count.at_once -= 1
        status, left, reset, concurrent, date = answer  # type: ignore[misc]
        crawl = crawls[index]
        seen = Seen(
            at=now,
            status=status,
            count=count.requests,
            left=left,
            reset=reset,
            date=date,
            concurrency=count.concurrency,
            concurrent=concurrent,
        )
        crawl.bucket.finish(seen, crawl.clock.read(seen))
        idle[index] += 1
        crawl.good += status == 200
        crawl.throttled += status == 429
        crawl.finished_at = now


@pytest.mark.parametrize("phase", [0.0, 0.31, 0.62, 0.97])
@pytest.mark.parametrize(
    ("limit", "window", "latency", "jitter", "requests"),
    [
        (40, 1, 0.1, 0.0, 2000),
        (40, 1, 0.1, 0.02, 2000),
        (40, 1, 0.02, 0.01, 2000),
        (5, 1, 0.1, 0.02, 300),
        (1, 1, 0.1, 0.0, 60),
        (15, 5, 0.1, 0.02, 300),
        (60, 60, 0.1, 0.05, 400),
        (5, 60, 0.1, 0.05, 40),
        (1000, 300, 0.1, 0.05, 4000),
    ],
)
def test_one_crawl_comes_near_the_limit_and_hardly_over_it(
    limit: int, window: int, latency: float, jitter: float, requests: int, phase: float
) -> None:
    crawl = Crawl()
    ahead = 1_800_000_000 - 1_800_000_000 % window + phase * window
    simulate(Count(limit, window), [crawl], requests, latency=latency, jitter=jitter, server_ahead=ahead)
    assert crawl.throttled <= max(1, 0.01 * requests)
    assert crawl.finished_at <= 1.1 * requests / (limit / window) + 0.5


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_the_servers_clock_may_be_wrong(ahead: float) -> None:
    crawl = Crawl()
    simulate(Count(60, 60, 1), [crawl], 180, server_ahead=1_800_000_000.5 + ahead)
    assert crawl.throttled <= 1
    assert crawl.finished_at <= 1.1 * 180


def test_one_at_once_is_respected() -> None:
    crawl = Crawl(bucket=Bucket("events", Limit(60, 60, 1)))
    simulate(Count(60, 60, 1), [crawl], 180)
    assert crawl.throttled == 0


@pytest.mark.parametrize(("limit", "window", "requests"), [(40, 1, 1500), (5, 1, 200), (60, 60, 200)])
def test_several_processes_on_one_token_share(limit: int, window: int, requests: int) -> None:
    crawls = [Crawl(), Crawl()]
    simulate(Count(limit, window), crawls, requests, jitter=0.01)
    assert sum(c.throttled for c in crawls) <= 0.05 * 2 * requests
    assert max(c.finished_at for c in crawls) <= 1.25 * 2 * requests / (limit / window)
    assert min(c.finished_at for c in crawls) >= 0.6 * 2 * requests / (limit / window)


# routes and buckets


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def headers(limit: int, left: int, *, window: int = 1, concurrent: int = 999) -> dict[str, str]:
    return {
        "date": "Mon, 02 Nov 2026 03:04:00 GMT",
        "x-sentry-rate-limit-limit": str(limit),
        "x-sentry-rate-limit-remaining": str(left),
        "x-sentry-rate-limit-reset": str(1793588640 + window),
        "x-sentry-rate-limit-concurrentlimit": str(concurrent),
        "x-sentry-rate-limit-concurrentremaining": str(concurrent - 1),
    }


def ask(
    governor: Governor, family: str, answer: dict[str, str], status: int = 200, host: str = HOST
) -> Permit:
    permit = governor.acquire(Route("me", host, family))
    governor.release(permit, status, answer)
    return permit


def test_the_second_waits_for_the_first_answer() -> None:
    governor = Governor()
    first = governor.acquire(Route("me", HOST, PROJECTS))
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        governor.acquire(Route("me", HOST, RELEASES), stop)
    governor.release(first, 200, headers(40, 39))
    governor.release(governor.acquire(Route("me", HOST, RELEASES)), 200, headers(40, 38))


def test_servers_without_headers_are_not_paced() -> None:
    time = Time()
    governor = Governor(now=time)
    for _ in range(20):  # more than project events would be allowed, and no time passes
        ask(governor, EVENTS, {})
        ask(governor, PROJECTS, {})
    assert governor.snapshot() == {}
    bucket = governor._bucket(Route("me", HOST, EVENTS))
    permits = [governor.acquire(Route("me", HOST, EVENTS)) for _ in range(8)]
    assert bucket.delay(time.now) == math.inf
    for permit in permits:
        governor.release(permit, 200, {})


def test_families_with_the_same_limit_share_a_bucket_and_others_do_not() -> None:
    time = Time()
    governor = Governor(now=time)
    issues, details = "/organizations/{organization}/issues/", "/organizations/{organization}/issues/{id}/"
    odd = "/organizations/{organization}/odd/"
    answers = {PROJECTS: 40, RELEASES: 40, issues: 40, details: 5, odd: 3}
    for _ in range(3):
        for family, limit in answers.items():
            time.now += 5
            ask(governor, family, headers(limit, limit - 1))
    buckets = {family: governor._bucket(Route("me", HOST, family)) for family in answers}
    assert buckets[PROJECTS] is buckets[RELEASES] is buckets[issues]
    assert len({id(bucket) for bucket in buckets.values()}) == 3
    assert buckets[PROJECTS] is not governor._bucket(Route("another", HOST, PROJECTS))
    assert buckets[PROJECTS] is not governor._bucket(Route("me", "us." + HOST, PROJECTS))


def test_a_used_up_bucket_does_not_hold_back_another() -> None:
    time = Time()
    governor = Governor(now=time)
    ask(governor, PROJECTS, headers(1000, 999))
    ask(governor, EVENTS, headers(60, 0, window=60, concurrent=1))
    slow, fast = Route("me", HOST, EVENTS), Route("me", HOST, PROJECTS)
    assert 59 < governor._bucket(slow).delay(time.now) < 61
    done = {"slow": 0, "fast": 0}
    stop = threading.Event()

    def work(name: str, route: Route) -> None:
        try:
            while True:
                permit = governor.acquire(route, stop)
                done[name] += 1
                governor.release(permit, 200, headers(1000, 900))
        except Stopped:
            return

    waiting = [threading.Thread(target=work, args=("slow", slow)) for _ in range(8)]
    for thread in waiting:
        thread.start()
    for _ in range(100):
        time.now += 0.01
        permit = governor.acquire(fast)
        governor.release(permit, 200, headers(1000, 900))
        done["fast"] += 1
    stop.set()
    for thread in waiting:
        thread.join()
    assert done == {"slow": 0, "fast": 100}


def test_snapshots_survive_json_and_nonsense() -> None:
    time = Time()
    governor = Governor(now=time)
    ask(governor, PROJECTS, headers(40, 39))
    ask(governor, EVENTS, headers(60, 59, window=60, concurrent=2))
    snapshot = json.loads(json.dumps(governor.snapshot()))
    assert snapshot[HOST] == {DEFAULT: [40, 1.0, 999], PROJECTS: [40, 1.0, 999], EVENTS: [60, 60.0, 2]}
    assert "me" not in json.dumps(snapshot)
    restored = Governor()
    restored.restore(snapshot)
    assert restored._bucket(Route("other", HOST, EVENTS)).limit == Limit(60, 60.0, 2)
    assert restored._bucket(Route("other", HOST, PROJECTS)).limit == Limit(40, 1.0, 999)
    assert restored.snapshot() == snapshot
    broken = {HOST: {"/a/": None, "/b/": [0, 0, 0], "/c/": "xyz", "/d/": [1, 2]}, "x": 7, "y": None}
    restored.restore(broken)
    assert restored.snapshot() == snapshot


@pytest.mark.parametrize(
    "odd",
    [
        {"x-sentry-rate-limit-limit": "None", "x-sentry-rate-limit-reset": "None"},
        {"x-sentry-rate-limit-limit": "0", "x-sentry-rate-limit-remaining": "-1"},
        {"x-sentry-rate-limit-limit": "9" * 50, "x-sentry-rate-limit-reset": "9" * 11},
        {"date": "", "x-sentry-rate-limit-limit": "40", "x-sentry-rate-limit-reset": "1"},
        {"retry-after": "9" * 40},
        {"retry-after": "soon"},
    ],
)
@pytest.mark.parametrize("status", [200, 429, 503])
def test_odd_headers_block_nothing_for_long(odd: dict[str, str], status: int) -> None:
    time = Time()
    governor = Governor(now=time)
    ask(governor, PROJECTS, odd, status)
    delay = governor._bucket(Route("me", HOST, PROJECTS)).delay(time.now)
    assert delay <= 1.1


def test_a_429_of_the_window_waits_for_its_end_and_not_much_longer() -> None:
    time = Time()
    governor = Governor(now=time)
    ask(governor, PROJECTS, headers(40, 39))
    time.now += 0.1
    limited = headers(40, 0, window=7) | {"x-sentry-rate-limit-concurrentremaining": "None"}
    ask(governor, PROJECTS, limited, 429)
    assert 6 < governor._bucket(Route("me", HOST, PROJECTS)).delay(time.now) < 7.5


def test_overload_halves_what_is_in_flight() -> None:
    time = Time()
    governor = Governor(now=time)
    route = Route("me", HOST, PROJECTS)
    for _ in range(20):
        ask(governor, PROJECTS, {})
    permits = [governor.acquire(route) for _ in range(8)]
    for permit in permits:
        governor.release(permit, 503, {})
    bucket = governor._bucket(route)
    assert bucket.room == pytest.approx(4, abs=0.5)
    for _ in range(40):
        ask(governor, PROJECTS, {})
    assert bucket.room > 7


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/organizations/", "/organizations/"),
        ("/organizations/acme/", "/organizations/{organization}/"),
        ("/organizations/acme/issues/", "/organizations/{organization}/issues/"),
        ("/organizations/acme/issues/17/", "/organizations/{organization}/issues/{id}/"),
        (
            "/organizations/acme/releases/web%2F1.0/deploys/",
            "/organizations/{organization}/releases/{id}/deploys/",
        ),
        ("/organizations/acme/stats_v2/", "/organizations/{organization}/stats_v2/"),
        ("/projects/acme/web/events/", EVENTS),
        (f"/projects/acme/web/events/{'a' * 32}/", EVENTS + "{id}/"),
        ("/projects/acme/", "/projects/{organization}/"),
        ("/issues/1/events/latest/", "/issues/{id}/events/{id}/"),
        ("/teams/acme/core/members/", "/teams/{organization}/{team}/members/"),
    ],
)
def test_families(path: str, family: str) -> None:
    assert family_of(path) == family

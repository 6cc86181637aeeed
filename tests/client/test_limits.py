"""Client and governor together against servers that count as Sentry does, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from extractors.answer import asked_wait
from extractors.client import Client
from extractors.governor import Governor
from tests.client.bench_governor import FAST, SLOW, crawl, measure
from tests.client.servers import Limited, Reply, serving

Make = Callable[..., Client]
DATE = "Mon, 02 Nov 2026 03:04:05 GMT"
EPOCH = int(datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC).timestamp())


def test_forty_a_second_with_eight_threads() -> None:
    measured = measure("40 in 1 s", 40, 1, 100, skew=3600.0)
    assert measured.throttled <= 0.03  # of a hundred requests, on a machine that may be busy


def test_a_slow_bucket_does_not_hold_back_a_fast_one() -> None:
    def group_of(path: str) -> tuple[str, int, int, int | None]:
        return ("slow", 5, 900, 1) if path.startswith("/api/0" + SLOW) else ("fast", 200, 1, None)

    limited = Limited(group_of, latency=0.01)
    with serving(limited) as server:
        governor = Governor()
        stop = threading.Event()
        slow, waiting = crawl(server.url, governor, SLOW, 50, 8, stop)
        fast, busy = crawl(server.url, governor, FAST, 200, 2, stop)
        for thread in busy:
            thread.join()
        statuses = {name: [status for _, status in answers] for name, answers in limited.answers.items()}
        stop.set()
        for thread in waiting:
            thread.join()
        for client in (slow, fast):
            client.close()
    assert statuses["fast"].count(200) == 200
    assert 5 <= statuses["slow"].count(200) <= 10  # ten if a window ended meanwhile
    assert statuses["slow"].count(429) <= 1


def test_a_429_names_its_own_limit(client_for: Make) -> None:
    """As a real Sentry sent it: a bare string as text/html, "None" among the headers, no Retry-After."""
    now = int(datetime.now(UTC).timestamp())
    limited = Reply(
        429,
        b'"You are attempting to use this endpoint too frequently. Limit is 3 requests in 1 seconds"',
        {
            "Content-Type": "text/html; charset=utf-8",
            "X-Sentry-Rate-Limit-Remaining": "0",
            "X-Sentry-Rate-Limit-Limit": "3",
            "X-Sentry-Rate-Limit-Reset": str(now),
            "X-Sentry-Rate-Limit-ConcurrentRemaining": "None",
            "X-Sentry-Rate-Limit-ConcurrentLimit": "999",
        },
    )
    governor = Governor()
    with serving([limited, Reply()]) as server:
        client = client_for(server.url, governor=governor)
        assert client.get("/projects/acme/web/issues/").requests == 2
        assert client.usage().throttled == 1
    (limits,) = governor.snapshot().values()
    assert limits["/projects/{organization}/{project}/issues/"] == [3, 1.0, 999]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Mon, 02 Nov 2026 03:04:15 GMT"}, 10.0),
        ({"retry-after": "Mon, 02 Nov 2026 03:04:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"x-sentry-rate-limit-reset": str(EPOCH + 3)}, 3.0),
        ({"x-sentry-rate-limit-reset": "None"}, None),
        ({"x-sentry-rate-limit-reset": str(EPOCH + 3), "retry-after": "1"}, 1.0),
        ({"x-sentry-rate-limit-reset": str(EPOCH - 9)}, 0.0),
        ({"x-sentry-rate-limit-reset": str(EPOCH * 1000)}, None),
        ({"x-sentry-rate-limit-reset": "9" * 400}, None),
        ({"x-sentry-rate-limit-reset": "²", "retry-after": "²"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -1200"}, None),
        (
            {"retry-after": "Fri, 31 Dec 9999 23:59:59 -1200", "x-sentry-rate-limit-reset": str(EPOCH + 3)},
            3.0,
        ),
    ],
)
def test_waits_that_servers_ask_for_are_read_against_their_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert asked_wait({"date": DATE} | headers) == seconds


def test_without_a_date_our_clock_is_taken() -> None:
    reset = datetime.now(UTC) + timedelta(seconds=30)
    asked = asked_wait({"x-sentry-rate-limit-reset": str(int(reset.timestamp()))})
    assert asked is not None
    assert 20 < asked < 31


NONSENSE = ("", "None", "-1", "1.5", "²", "9" * 5000, "soon", "Fri, 31 Dec 9999 23:59:59 -1200")


@pytest.mark.parametrize("value", NONSENSE, ids=lambda v: v[:12])
def test_headers_of_nonsense_stop_nobody(client_for: Make, value: str) -> None:
    limits = ("Limit", "Remaining", "Reset", "ConcurrentLimit", "ConcurrentRemaining")
    odd = {f"X-Sentry-Rate-Limit-{name}": value for name in limits}
    odd |= dict.fromkeys(("Date", "X-Hits"), value)
    with serving([Reply(429, headers=odd), Reply(headers=odd)]) as server:
        answer = client_for(server.url).get("/organizations/acme/issues/")
    assert (answer.requests, answer.hits) == (2, None)


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "0"}, {"X-Sentry-Rate-Limit-Reset": "1"}], ids=["retry-after", "reset"]
)
def test_a_wait_of_nothing_is_a_growing_one(client_for: Make, headers: dict[str, str]) -> None:
    """Of a clock that differs from Sentry's: ten retries at once would only be ten more 429s."""
    waits: list[float] = []
    with serving([*[Reply(429, headers=headers)] * 3, Reply()]) as server:
        client = client_for(server.url, first_wait=1.0, longest_wait=30.0)
        client._sleep = waits.append  # type: ignore[method-assign]
        client.get("/organizations/")
    assert [int(wait) for wait in waits] == [1, 2, 4]


def test_a_server_cannot_make_us_wait_for_hours(client_for: Make) -> None:
    waits: list[float] = []
    with serving([Reply(429, headers={"Retry-After": "86400"}), Reply()]) as server:
        client = client_for(server.url)
        client._sleep = waits.append  # type: ignore[method-assign]
        client._governor = Governor(now=iter(range(0, 10**9, 1000)).__next__)
        client.get("/organizations/")
    assert len(waits) == 1
    assert 90 <= waits[0] < 91

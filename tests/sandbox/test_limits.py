"""Rate limits, faults and latency (facts §2, §3.2)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from .conftest import start

LIMIT_HEADERS = {
    f"x-sentry-rate-limit-{name}"
    for name in ("limit", "remaining", "reset", "concurrentlimit", "concurrentremaining")
}


def until_refused(caller, path, most=60, **params):
    for _ in range(most):
        answer = caller.get(path, **params)
        if answer.status_code == 429:
            return answer
    raise AssertionError("never refused")


def test_self_hosted_has_neither_limits_nor_headers(modern):
    assert not LIMIT_HEADERS & set(modern.org("projects/").headers)


def test_headers_and_refusal():
    with start(rate_limit=None) as caller:
        answer = caller.org("stats_v2/", field="sum(quantity)", groupBy="category", interval="1d")
        assert set(answer.headers) >= LIMIT_HEADERS
        assert answer.headers["x-sentry-rate-limit-limit"] == "20"
        assert caller.org("projects/").headers["x-sentry-rate-limit-limit"] == "40"
        answer = until_refused(caller, "/issues/1/")
        assert answer.headers["x-sentry-rate-limit-limit"] == "5"
        assert answer.headers["x-sentry-rate-limit-remaining"] == "0"
        assert answer.headers["x-sentry-rate-limit-concurrentremaining"] == "None"
        assert answer.headers["content-type"].startswith("text/html")
        assert "retry-after" not in answer.headers
        assert answer.json() == {
            "detail": "You are attempting to use this endpoint too frequently. "
            "Limit is 5 requests in 1 seconds"
        }
        now = parsedate_to_datetime(answer.headers["date"]).timestamp()
        assert 0 < int(answer.headers["x-sentry-rate-limit-reset"]) - now <= 1


def test_views_without_their_own_share_one_bucket():
    with start(rate_limit=6) as caller:
        statuses = [
            caller.org(f"{name}/").status_code for name in ("projects", "teams", "members", "releases") * 6
        ]
        assert 429 in statuses


def test_refusal_of_2023_is_a_bare_string():
    with start(rate_limit=None, age="2023") as caller:
        slug = caller.open_projects()[0]["slug"]
        answer = until_refused(caller, f"/projects/acme/{slug}/issues/")
        assert answer.json() == (
            "You are attempting to use this endpoint too frequently. Limit is 3 requests in 1 seconds"
        )


def test_project_events_are_generous_unless_told():
    with start(rate_limit=None) as caller:
        slug = caller.open_projects()[0]["slug"]
        assert caller.project(slug, "events/").headers["x-sentry-rate-limit-limit"] == "999999"
    with start(rate_limit=None, event_rate_limit=3) as caller:
        slug = caller.open_projects()[0]["slug"]
        answer = until_refused(caller, f"/projects/acme/{slug}/events/", most=9)
        assert answer.headers["x-sentry-rate-limit-concurrentlimit"] == "1"
        assert int(answer.headers["x-sentry-rate-limit-reset"]) % 60 == 0


def test_one_at_a_time_where_concurrency_is_one():
    with start(rate_limit=None, event_rate_limit=60, latency=0.2) as caller, ThreadPoolExecutor(2) as threads:
        slug = caller.open_projects()[0]["slug"]
        answers = list(threads.map(lambda _: caller.project(slug, "events/"), range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "concurrency" in refused.json()["detail"]
    assert refused.headers["x-sentry-rate-limit-concurrentremaining"] == "0"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("429", 429), ("500", 500), ("502-html", 502), ("503", 503), ("504", 504), ("408", 408)],
)
def test_faults_with_a_status(kind, status):
    with start(faults=1.0, fault_kinds=(kind,), projects=1, issues=2, events=4) as caller:
        answer = caller.org("projects/")
        assert answer.status_code == status
        if kind == "502-html":
            assert answer.headers["content-type"].startswith("text/html")
        if kind == "429":
            assert answer.headers["x-sentry-rate-limit-reset"] == "None"
            assert "smaller date range" in answer.json()["detail"]


def test_html_instead_of_json():
    with start(faults=1.0, fault_kinds=("html-200",), projects=1, issues=2, events=4) as caller:
        answer = caller.org("projects/")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")


def test_timeouts_were_400_once():
    with start(
        faults=1.0, fault_kinds=("400-timeout",), age="2023", projects=1, issues=2, events=4
    ) as caller:
        answer = caller.org("events/", field="id")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("\nQuery timeout.")


@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_broken_connections(kind):
    options = {"faults": 1.0, "fault_kinds": (kind,), "projects": 1, "issues": 2, "events": 4}
    with start(**options) as caller, pytest.raises(httpx.TransportError):
        caller.org("projects/")


def test_stall():
    options = {
        "faults": 1.0,
        "fault_kinds": ("stall",),
        "stall_seconds": 0.5,
        "projects": 1,
        "issues": 2,
        "events": 4,
    }
    with start(**options) as caller, pytest.raises(httpx.ReadTimeout):
        caller.http.get("/api/0/organizations/acme/projects/", timeout=0.2)


def test_a_share_of_faults_follows_the_seed():
    def statuses():
        with start(faults=0.3, fault_kinds=("500", "503"), projects=1, issues=2, events=4) as caller:
            return [caller.org("projects/").status_code for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert {200, 500, 503} == set(first)


def test_latency():
    with start(latency=0.1, projects=1, issues=2, events=4) as caller:
        begun = time.perf_counter()
        caller.org("projects/")
        assert time.perf_counter() - begun >= 0.1


def test_the_log_of_requests(fresh):
    fresh.org("projects/", per_page=2)
    last = fresh.sandbox.requests()[-1]
    assert last == {
        "method": "GET", "path": "/api/0/organizations/acme/projects/", "query": "per_page=2", "status": 200,
    }  # fmt: skip

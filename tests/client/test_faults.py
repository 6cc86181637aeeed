"""Every row of the table of faults, over real HTTP: how often it is retried, and what it ends as."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from extractors import errors
from extractors.answer import is_json
from extractors.client import Client
from extractors.errors import FAULTS, Failure, SentryError, Trouble, judge
from tests.client.servers import Reply, serving

Make = Callable[..., Client]
PATH = "/organizations/acme/issues/"
GOOD = Reply(body=b'[{"id":"1"}]')
HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


def detail(text: str | dict[str, object], status: int) -> Reply:
    return Reply(status, json.dumps({"detail": text}).encode())


NONE_HEADERS = {
    f"X-Sentry-Rate-Limit-{name}": "None"
    for name in ("Limit", "Remaining", "Reset", "ConcurrentLimit", "ConcurrentRemaining")
}
GONE_SOON = {
    "X-Sentry-Deprecation-Date": "2026-01-01T00:00:00+00:00",
    "X-Sentry-Replacement-Endpoint": "/api/0/organizations/{org}/issues/",
}

# reply, reason, error, requests sent when it never gets better (5 retries allowed)
ENDURED: list[tuple[Reply, str, type[SentryError], int]] = [
    (
        Reply(429, b'"You are attempting to use this endpoint too frequently."'),
        "rate limit",
        errors.RetriesSpent,
        11,
    ),
    (Reply(429, b'{"detail":"Rate limit exceeded."}', NONE_HEADERS), "rate limit", errors.RetriesSpent, 11),
    (Reply(429, b"", {"Retry-After": "0"}), "rate limit", errors.RetriesSpent, 11),
    (Reply(500, b'{"detail":"Internal Error","errorId":null}'), "server error", errors.RetriesSpent, 4),
    (Reply(500, HTML), "server error", errors.RetriesSpent, 4),
    (Reply(502, HTML), "server unavailable", errors.RetriesSpent, 6),
    (Reply(503, b"upstream request timeout"), "server unavailable", errors.RetriesSpent, 6),
    (Reply(520, b""), "server unavailable", errors.RetriesSpent, 6),
    (Reply(504, b""), "gateway time-out", errors.TooLarge, 3),
    (detail({"code": "request-timeout", "message": "x"}, 408), "gateway time-out", errors.TooLarge, 3),
    (
        detail("\nQuery timeout. Please try again. If the problem persists…", 400),
        "query time-out",
        errors.TooLarge,
        2,
    ),
    (detail("Query limits exceeded. Try narrowing your request.", 400), "query time-out", errors.TooLarge, 2),
    (detail("Server overloaded. Please try again.", 400), "server overloaded", errors.TooLarge, 6),
    (Reply(200, HTML, {"Content-Type": "text/html"}), "not JSON", errors.NotSentry, 3),
    (Reply(200, b'[{"id":'), "not JSON", errors.NotSentry, 3),
    (Reply(200, b""), "not JSON", errors.NotSentry, 3),
    (Reply(410, b'{"message":"This API no longer exists."}', GONE_SOON), "brown-out", errors.Gone, 4),
]
FINAL: list[tuple[Reply, str, type[SentryError]]] = [
    (detail("Invalid token", 401), "bad token", errors.Unauthorized),
    (Reply(401, b"<html>Sign in</html>"), "login in front", errors.Unauthorized),
    (detail("Token expired", 401), "token expired", errors.Unauthorized),
    (detail("User inactive or deleted", 401), "token owner inactive", errors.Unauthorized),
    (detail("Authentication credentials were not provided.", 401), "no token", errors.Unauthorized),
    (detail({"code": "sso-required", "message": "Must login via SSO"}, 401), "sso", errors.Unauthorized),
    (detail({"code": "2fa-required", "message": "Enable 2FA"}, 401), "2fa", errors.Unauthorized),
    (detail({"code": "member-disabled-over-limit"}, 401), "seat", errors.Unauthorized),
    (detail({"code": "email-verification-required"}, 401), "email", errors.Unauthorized),
    (detail({"code": "sudo-required"}, 401), "sudo", errors.Unauthorized),
    (detail("You do not have permission to perform this action.", 403), "scope", errors.Forbidden),
    (Reply(403, b""), "scope", errors.Forbidden),
    (Reply(403, HTML), "allow-list", errors.Forbidden),
    (detail("Your plan does not include this feature.", 403), "plan", errors.Forbidden),
    (detail("No projects available", 400), "no projects", errors.Forbidden),
    (detail("The requested resource does not exist", 404), "not found", errors.Gone),
    (Reply(404, b"Route not found, did you forget a trailing slash?"), "not found", errors.Gone),
    (Reply(404, HTML), "wrong URL", errors.NotSentry),
    (Reply(404, b""), "not in the plan", errors.Gone),
    (Reply(410, b""), "retired", errors.Gone),
    (detail("Invalid date range.", 400), "bad query", errors.BadQuery),
    (Reply(400, b'{"field":["Invalid"]}'), "bad query", errors.BadQuery),
    (Reply(405, b"[]"), "bad query", errors.BadQuery),
    (Reply(413, HTML), "asked too much", errors.TooLarge),
    (Reply(304, b""), "unexpected", errors.NotSentry),
]


@pytest.mark.parametrize(("reply", "reason", "error", "requests"), ENDURED, ids=lambda v: str(v)[:40])
def test_transient_faults_are_retried_and_then_named(
    client_for: Make, reply: Reply, reason: str, error: type[SentryError], requests: int
) -> None:
    with serving(reply) as server:
        client = client_for(server.url)
        with pytest.raises(error) as caught:
            client.get(PATH)
        assert (caught.value.reason, caught.value.requests) == (reason, requests)
        assert len(server.asked) == requests == client.usage().requests
        assert client.usage().retried == requests - 1
    with serving([reply, GOOD]) as server:
        answer = client_for(server.url).get(PATH)
        assert (answer.body, answer.requests) == (GOOD.body, 2)


@pytest.mark.parametrize(("reply", "reason", "error"), FINAL, ids=lambda v: str(v)[:40])
def test_lasting_faults_are_asked_once(
    client_for: Make, reply: Reply, reason: str, error: type[SentryError]
) -> None:
    with serving(reply) as server:
        with pytest.raises(error) as caught:
            client_for(server.url).get(PATH)
        assert (caught.value.reason, caught.value.requests) == (reason, 1)
        assert caught.value.status == reply.status
        assert PATH in str(caught.value)
        assert "<" not in str(caught.value)


def test_every_row_of_the_table_is_tested_or_met_below_http() -> None:
    tested = {reason for _, reason, *_ in [*ENDURED, *FINAL]}
    below = {
        judge(Failure(trouble=trouble, first=first, reused=reused)).reason
        for trouble in Trouble
        for first in (True, False)
        for reused in (True, False)
    }
    assert {fault.reason for fault in FAULTS} == tested | below
    assert len({fault.reason for fault in FAULTS}) == len(FAULTS)


def test_an_html_404_of_a_server_that_answered_before_is_not_a_wrong_url(client_for: Make) -> None:
    with serving([GOOD, Reply(404, HTML)]) as server:
        client = client_for(server.url)
        client.get(PATH)
        with pytest.raises(errors.Gone):
            client.get(PATH)


def test_answers_recorded_from_a_real_sentry(client_for: Make) -> None:
    recorded = {
        b'{"detail":"Invalid token"}': (401, errors.Unauthorized),
        b'{"detail":"API key is not valid"}': (401, errors.Unauthorized),
        b'{"detail":"Event not found"}': (404, errors.Gone),
        b'{"detail":"You do not have permission to perform this action."}': (403, errors.Forbidden),
    }
    for body, (status, error) in recorded.items():
        with serving(Reply(status, body)) as server, pytest.raises(error):
            client_for(server.url).get(PATH)


def test_brown_outs_are_recorded_and_waited_for_once(client_for: Make) -> None:
    with serving(Reply(410, b'{"message":"This API no longer exists."}', GONE_SOON)) as server:
        client = client_for(server.url)
        for requests in (4, 1):
            with pytest.raises(errors.Gone) as caught:
                client.get("/projects/acme/web/rules/")
            assert caught.value.requests == requests
        found = {name.lower(): value for name, value in GONE_SOON.items()}
        assert client.deprecations() == (("/projects/{organization}/{project}/rules/", found),)


def test_deprecation_headers_of_good_answers(client_for: Make) -> None:
    with serving(
        Reply(headers={"Deprecation": "@1767225600", "Sunset": "Thu, 01 Jan 2026 00:00:00 GMT"})
    ) as server:
        client = client_for(server.url)
        client.get("/projects/acme/web/issues/")
    announced = {"deprecation": "@1767225600", "sunset": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert client.deprecations() == (("/projects/{organization}/{project}/issues/", announced),)


def test_the_budget_of_the_run_is_shared_and_good_answers_fill_it(client_for: Make) -> None:
    with serving(Reply(503)) as server:
        client = client_for(server.url, retry_budget=7)
        for requests in (6, 3, 1):
            with pytest.raises(errors.RetriesSpent) as caught:
                client.get(PATH)
            assert caught.value.requests == requests
        assert "retries of this run are used up" in str(caught.value)
        server.answering = lambda _: GOOD
        for _ in range(5):
            client.get(PATH)
        server.answering = lambda _: Reply(503)
        with pytest.raises(errors.RetriesSpent) as caught:
            client.get(PATH)
        assert caught.value.requests == 2


def test_no_retries_when_none_are_allowed(client_for: Make) -> None:
    with serving(Reply(503)) as server:
        with pytest.raises(errors.RetriesSpent):
            client_for(server.url).get(PATH, retries=0)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (b"[]", True),
        (b'"text"', True),
        (b'{"a":"\\ud800"}', True),
        (b"[NaN,Infinity]", True),
        (b'{"a":"\xff"}', True),
        (b'{"n":170141183460469231731687303715884105728}', True),
        (b"", False),
        (b"[1,2", False),
        (b'{"a":1}{"b":2}', False),
        (b"<html></html>", False),
        (b"[" * 200_000, False),
    ],
)
def test_what_counts_as_json(body: bytes, good: bool) -> None:
    assert is_json(body) is good


def test_the_table_survives_hostile_bodies() -> None:
    for body in (b"[" * 100_000, b"\x00\xff" * 1000, b'{"detail":' + b'{"a":' * 50_000, b"9" * 20_000):
        failure = Failure(status=400, body=body)
        message = str(errors.explain(judge(failure), failure, PATH, 1))
        assert len(message) < 800
        assert message.isprintable()

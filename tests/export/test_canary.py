"""A canary organization: every personal field holds a value that must be nowhere, on disk or on screen."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.export import export_html
from flows.answers import grid
from flows.pipeline import export
from flows.progress import Lines
from flows.replay import replay
from flows.report import print_status, print_summary, result_as_json, to_json
from flows.settings import load_settings
from tests.client.servers import Asked, Reply, serving
from tests.export.conftest import query
from tests.export.test_privacy import texts_on_disk
from tests.privacy.samples import personal_event
from warehouse.inspect import run_query, status
from warehouse.publish import publish

C = "Canary.7e5f@leak.example"
TRACES = re.compile(rb"canary|leak\.example", re.IGNORECASE)
TOKEN = "sntryu_7e5f0123456789abcdef0123456789"
NOW = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
WHEN = f"{NOW - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
PERSON = {"id": "5", "name": C, "username": C, "email": C, "emails": [{"email": C}], "avatarUrl": C}
MEMBER = {**PERSON, "avatar": {"avatarUrl": C}, "identities": [{"name": C}]}
PARTS = ("user", "tags", "entries", "contexts", "context")


def event(number: int, user: str) -> dict[str, Any]:
    """An event with canaries; `user` makes its user one of several."""
    personal = personal_event(f"{user}{C}")
    return {
        **{"id": f"{number:032x}", "eventID": f"{number:032x}", "groupID": "1", "projectID": "7"},
        **{"title": "Error: boom", "event.type": "error", "dateCreated": WHEN, "platform": "python"},
        **{part: personal[part] for part in PARTS},
    }


def body_of(number: int, user: str) -> dict[str, Any]:
    """The whole event, with what only bodies have."""
    whole = event(number, user)
    whole["user"] |= {"sentry_user": f"email:{C}", "phone": C, "anything": {"new": [C]}}
    whole |= {"reporterEmail": C, "added": [{"user": {"name": C}, "note": C, "session_id": C}], "apiToken": C}
    whole["sdk"] = {"name": "python", "version": "1", "installedBy": {"username": C}}
    whole["userReport"] = {"name": C, "email": C, "comments": C, "user": {"email": C}}
    whole["release"] = {"version": "app@1", "authors": [MEMBER], "lastCommit": {"author": MEMBER}}
    return whole


EVENTS = [event(i, f"u{i % 3}") for i in range(9)]
ISSUE = {
    **{"id": "1", "shortId": "SHOP-1", "title": "Error: boom", "status": "unresolved", "count": "9"},
    **{"project": {"id": "7"}, "firstSeen": WHEN, "lastSeen": WHEN, "level": "error", "type": "error"},
    "assignedTo": {"type": "user", "id": "5", "name": C, "email": C},
    "metadata": {"contact_email": C, "name": C, "type": "Error"},
    "statusDetails": {"actor": MEMBER, "inCommit": {"author": C}},
    "owners": [{"type": "suspectCommit", "owner": C}],
    "reportedBy": {"email": C, "phone": C, "userName": C},
}
ACTIVITY = [
    {"id": "1", "type": "note", "dateCreated": WHEN, "user": MEMBER, "data": {"text": "hello"}},
    {"id": "2", "type": "assigned", "dateCreated": WHEN, "user": None, "data": {"assigneeEmail": C}},
    {"id": "3", "type": "x", "dateCreated": WHEN, "data": {"commit": {"author": MEMBER}}},
]
DISCOVER = ("user", "user.email", "user.display", "tags[email]", "any(user.ip)", "geo.city", "http.url")
ANSWERS: dict[str, Any] = {
    "/organizations/": [{"id": "1", "slug": "acme", "name": "Acme", "onboardingTasks": [{"user": MEMBER}]}],
    "/organizations/acme/": {"id": "1", "slug": "acme", "name": "Acme"},
    "/organizations/acme/projects/": [
        {"id": "7", "slug": "shop", "name": "Shop", "teams": [], "options": {"sentry:token": C}}
    ],
    "/organizations/acme/members/": [
        {
            "id": "1",
            "email": C,
            "name": C,
            "user": MEMBER,
            "inviterName": C,
            "invite_link": C,
            "pending": False,
        }
    ],
    "/organizations/acme/releases/": [
        {"id": 3, "version": "app@1", "dateCreated": WHEN, "authors": [MEMBER], "owner": MEMBER}
        | {"lastCommit": {"id": "c", "author": MEMBER}, "projects": [{"id": 7, "slug": "shop"}]}
    ],
    "/organizations/acme/issues/": [ISSUE],
    "/organizations/acme/issues/1/": {
        **ISSUE,
        "activity": ACTIVITY,
        "participants": [MEMBER],
        "seenBy": [MEMBER],
        "firstRelease": {"authors": [MEMBER], "lastCommit": {"author": C}, "owner": C},
    },
    "/organizations/acme/issues/1/events/latest/": body_of(0, "u0"),
    "/projects/acme/shop/events/": EVENTS,
    "/organizations/acme/stats_v2/": {"groups": [], "intervals": []},
    "/organizations/acme/sessions/": {"groups": [], "intervals": []},
    "/organizations/acme/events/": {
        "data": [
            dict.fromkeys(DISCOVER, C) | {"user": f"email:{C}", "http.url": f"https://s.test/?a={C}"},
        ],
        "meta": {"fields": dict.fromkeys(DISCOVER, "string")},
    },
}


def answer(asked: Asked) -> Reply:
    address = urlsplit(asked.path)
    path = address.path.removeprefix("/api/0")
    given = ANSWERS.get(path, [])
    if path == "/organizations/acme/events/":  # a row has the fields that were asked for
        fields = parse_qs(address.query).get("field", [])
        given = {**given, "data": [{k: v for k, v in row.items() if k in fields} for row in given["data"]]}
    return Reply(body=json.dumps(given).encode())


def unpacked(page: bytes) -> bytes:
    """An exported dashboard with its compressed parts opened."""
    parts = re.findall(rb'<script type="text/plain" id="exported[^"]*">([^<]+)</script>', page)
    assert parts
    return page + b"".join(gzip.decompress(base64.b64decode(part)) for part in parts)


@pytest.mark.parametrize("policy", ["hash", "drop"])
def test_no_trace_anywhere(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    home = tmp_path / "home"
    queries = [{"name": "people", "fields": [*DISCOVER, "count()"], "interval": "1d", "days": 2}]
    with serving(answer) as server:
        values = {"url": server.url, "token": TOKEN, "home": str(home), "privacy_key": "k" * 32}
        values |= {"privacy": policy, "privacy_members": policy, "discover": queries, "lag_minutes": 0}
        settings = load_settings(None, values, environment={})
        for _ in range(2):  # a night between them
            result = export(settings, Lines())
    print_summary(result, settings)
    print_status(status(home))
    shown = [to_json(status(home)), result_as_json(result)]
    replay(settings)
    publish(home)
    for table in ("events", "event_tags", "issues", "members", "discover_people", "event_contexts"):
        answered = run_query(home, f"select * from {table}")
        assert answered.rows, table
        shown.append(grid(answered))
    export_html(home / "published" / "sentry.duckdb", tmp_path / "report.html")
    shown.append(unpacked((tmp_path / "report.html").read_bytes()).decode("utf-8", "replace"))
    screen = capsys.readouterr()
    shown += [screen.out, screen.err, caplog.text, *(str(vars(record)) for record in caplog.records)]
    for text in shown:
        assert not TRACES.search(text.encode()), TRACES.search(text.encode())
        assert TOKEN not in text
    for name, content in texts_on_disk(home):
        found = TRACES.search(content)
        assert not found, (name, content[max(0, found.start() - 200) : found.end() + 100])
        assert TOKEN.encode() not in content, name
    if policy == "hash":
        assert query(home, "select count(distinct user_email), count(distinct user_id) from events") == [
            (3, 3)
        ]
        assert query(home, "select count(distinct value) from event_tags where key = 'user.email'") == [(3,)]
    else:
        assert query(home, "select count(user_email), count(user_id), count(*) from events") == [(0, 0, 9)]


def test_a_trace_would_be_seen(tmp_path: Path) -> None:
    """The search finds what a policy of keeping lets through, in every kind of file."""
    home = tmp_path / "home"
    with serving(answer) as server:
        values = {"url": server.url, "token": TOKEN, "home": str(home), "lag_minutes": 0}
        export(load_settings(None, {**values, "privacy": "keep"}, environment={}), Lines())
    held = {Path(name).suffix for name, content in texts_on_disk(home) if TRACES.search(content)}
    assert held >= {".parquet", ".duckdb"}

"""What Sentry adds to a record, and no stream declares, is treated by its name and the names in it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extractors.stream import Stream, all_streams
from tests.privacy.conftest import KEY
from transforms.privacy import Policy, Privacy
from transforms.shape import build_tree, field_paths

WHO = "ann@example.org"
STREAMS = {s.name: s for s in all_streams()}
EVENTS = STREAMS["events"]


def redacted(record: dict[str, Any], policy: Policy | None = None, stream: Stream = EVENTS) -> dict[str, Any]:
    """The record as an answer of the stream's first request, treated."""
    request = stream.requests[0]
    known = field_paths(build_tree(request.tables, request.ignored, frozenset()))
    personal = (*stream.personal, *request.personal)
    body = msgspec.json.encode([record])
    privacy = Privacy(policy or Policy(), KEY)
    (found,) = msgspec.json.decode(privacy.redact(stream.name, body, personal, known=known))
    assert list(found) == list(record)
    return dict(found)


def test_at_the_top_of_a_record() -> None:
    found = redacted(
        {"id": "1", "reporterEmail": WHO, "seenBy": [{"username": WHO, "age": 3}], "apiKey": "x"}
    )
    hashed = Privacy(Policy(), KEY).hash(WHO)
    assert found == {
        "id": "1",
        "reporterEmail": hashed,
        "seenBy": [{"username": hashed, "age": 3}],
        "apiKey": None,
    }


def test_inside_of_declared_objects() -> None:
    record = {"sdk": {"name": "python", "user": {"email": WHO}, "size": 5}, "title": WHO}
    assert WHO not in str(redacted({"sdk": record["sdk"]}))
    assert redacted(record)["sdk"]["size"] == 5
    assert redacted(record)["title"] == WHO  # declared, and a text


def test_values_that_say_nothing_of_anybody_stay() -> None:
    record = {"id": "1", "priorityScore": 0.25, "links": [{"href": "/a?b"}], "flags": {"on": True}, "x": None}
    found = redacted({**record, "links": [{"href": "/a"}]})
    assert found == {**record, "links": [{"href": "/a"}]}


@pytest.mark.parametrize(("action", "expected"), [("keep", WHO), ("drop", None)])
def test_as_the_policy_says(action: Any, expected: str | None) -> None:
    assert redacted({"ownerEmail": WHO, "apiKey": "x"}, Policy(users=action)) == {
        "ownerEmail": expected,
        "apiKey": None,
    }


@pytest.mark.parametrize("stream", ["members", "releases"])
def test_streams_of_members_follow_the_stricter_policy(stream: str) -> None:
    record = {"backupEmail": WHO, "newTeam": {"owner": {"email": WHO}}, "apiKey": "x"}
    for users, members in (("keep", "hash"), ("keep", "drop"), ("hash", "keep")):
        found = redacted(record, Policy(users=users, members=members), STREAMS[stream])
        assert WHO not in str(found)
        assert (found["backupEmail"] is None) == (members == "drop")
    kept = redacted(record, Policy(users="keep", members="keep"), STREAMS[stream])
    assert kept == {**record, "apiKey": None}


def test_what_is_kept_stays_beside_them() -> None:
    """Members and authors of commits: what is declared of them, or personal as a whole, is kept."""
    author = {
        "name": "Ann",
        "email": WHO,
        "emails": [{"id": "1", "email": WHO}],
        "avatarUrl": "https://a/?d=1",
    }
    release = {"version": "1", "authors": [author], "lastCommit": {"author": author}}
    full = EVENTS.requests[-1]
    known = field_paths(build_tree(full.tables, full.ignored, frozenset()))
    body = msgspec.json.encode([{"id": "1", "release": release}])
    personal = (*EVENTS.personal, *full.personal)
    assert Privacy(Policy(), KEY).redact("events", body, personal, known=known) == body


def test_a_policy_for_one_place_opens_no_other() -> None:
    record = {"newContact": {"badge": "x", "email": WHO}, "release": {"newOwner": {"email": WHO}}}
    for policy in (
        Policy(),
        Policy(members="hash"),
        Policy(overrides={"events/newContact/badge": "drop"}),
    ):
        assert WHO not in str(redacted(record, policy))


def test_an_override_names_a_new_field() -> None:
    assert redacted({"badge": "Ann"}, Policy(overrides={"events/badge": "drop"})) == {"badge": None}


@pytest.mark.parametrize("stream", all_streams(), ids=lambda s: s.name)
def test_in_every_stream_of_records(stream: Stream) -> None:
    if stream.requests and stream.requests[0].shape == "records":
        found = redacted({"id": "1", "newContact": {"email": WHO}}, stream=stream)
        assert WHO not in str(found)

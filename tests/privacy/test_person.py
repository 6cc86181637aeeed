"""A person is taken out of archived pages, whatever the policy they came in under, and nobody else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extractors.stream import all_streams
from tests.privacy.conftest import KEY
from tests.privacy.pages import page
from transforms.privacy import Forgetting, Person, Policy, Privacy

ANA, BEN = "ana@shop.test", "ben@shop.test"
IP, ID, NAME = "203.0.113.9", "4711", "Ana Huber"
STREAMS = {stream.name: stream for stream in all_streams()}
EVENTS = STREAMS["events"].personal


def event(email: str = ANA, user_id: str = ID, **more: Any) -> dict[str, Any]:
    return {
        "eventID": "e" * 32,
        "title": f"mail to {ANA} failed",
        "user": {
            **{"id": user_id, "email": email, "ip_address": IP, "username": email.partition("@")[0]},
            **{"name": NAME, "geo": {"country_code": "AT", "city": "Graz"}, "data": {"plan": "gold"}},
        },
        "tags": [
            {"key": "level", "value": "error"},
            {"key": "user", "value": f"id:{user_id}", "query": f'user.id:"{user_id}"'},
            {"key": "user.email", "value": email},
        ],
        "entries": [
            {
                "type": "request",
                "data": {"url": f"https://shop.test/?who={email}", "query": [["who", email]]},
            },
            {
                "type": "breadcrumbs",
                "data": {"values": [{"message": f"<{ANA}>", "data": {"user_id": user_id}}]},
            },
        ],
        **more,
    }


def without(value: str, records: Any, *, policy: str = "keep", stream: str = "events") -> tuple[Any, int]:
    """Records archived under a policy, without the person; and how many held them."""
    personal = EVENTS if stream == "events" else STREAMS[stream].personal
    privacy = Privacy(Policy(policy, "keep"), KEY)  # type: ignore[arg-type]
    body = privacy.redact(stream, json.dumps(records, separators=(",", ":")).encode(), personal)
    made, count = Forgetting(Person(value, privacy.hash), KEY).page(stream, body, personal)
    return json.loads(made), count


@pytest.mark.parametrize("policy", ["hash", "keep"])
@pytest.mark.parametrize("value", [ANA, ANA.upper(), IP, NAME, ID, "ana"])
def test_an_event_loses_all_that_was_personal(policy: str, value: str) -> None:
    if policy == "hash" and value == ANA.upper():
        value = ANA  # a hash knows no case but the one it was made of, and lower
    (found, other), count = without(
        value,
        [event(), event(BEN, "4712", user={"id": "4712", "email": BEN}, entries=[], title="x", tags=[])],
        policy=policy,
    )
    assert count == 1
    assert found["user"]["geo"]["country_code"] == "AT"
    assert {k for k, v in found["user"].items() if v is not None} == {"geo"}
    assert [t["value"] for t in found["tags"]] == ["error", None, None]
    left = json.dumps(found["entries"]) + json.dumps(found["tags"]) + json.dumps(found["user"])
    hashed = [Privacy(Policy(), KEY).hash(v) for v in (ANA, IP, NAME, "ana")]
    assert not [v for v in (IP, NAME, ID, "gold", "Graz", *hashed) if v in left]
    assert other["user"]["email"] == (BEN if policy == "keep" else Privacy(Policy(), KEY).hash(BEN))
    assert found["eventID"] == "e" * 32


def test_a_value_that_says_enough_is_struck_from_texts() -> None:
    (found,), _ = without(ANA, [event()])
    assert found["title"] == "mail to [forgotten] failed"
    assert found["entries"][1]["data"]["values"][0]["message"] == "<[forgotten]>"
    assert ANA not in json.dumps(found)
    (found,), _ = without(ID, [event(title=f"order {ID} failed")])
    assert found["title"] == f"order {ID} failed"


@pytest.mark.parametrize(
    "text",
    [
        "ANA@Shop.Test",
        "x?who=ana%40shop.test&b=1",
        '{"mail":"ana@shop.test"}',
        "a\\nana@shop.test",
        "%3Cana%40shop.test%3E",
        "to: ana@shop.test.",
    ],
)
def test_however_it_is_written(text: str) -> None:
    plain = event(BEN, "1", user=None, tags=[], entries=[], title=text)
    for ascii_only in (True, False):
        body = json.dumps([plain], ensure_ascii=ascii_only)
        escaped = body.replace("@", "\\u0040").replace("shop", "\\u0073hop")
        for written in (body, escaped):
            made, count = Forgetting(Person(ANA, Privacy(Policy(), KEY).hash), KEY).page(
                "events", written.encode(), EVENTS
            )
            said = json.dumps(json.loads(made)).lower()
            assert "ana" not in said.replace("%40", "@"), written
            assert count == 1


@pytest.mark.parametrize(
    "text", ["hana@shop.test", "ana@shop.test.example", "x.ana@shop.test", "203.0.113.90"]
)
def test_others_who_are_called_alike_stay(text: str) -> None:
    value = IP if text[0] == "2" else ANA
    record = event(text, "1", title=text, entries=[])
    record["user"] |= {"ip_address": None, "name": None}
    assert without(value, [record]) == ([record], 0)


def test_a_mention_in_somebody_elses_event_costs_them_nothing() -> None:
    theirs = event(BEN, "4712", title="x", entries=[{"type": "message", "data": {"formatted": f"re: {ANA}"}}])
    theirs["user"] |= {"ip_address": "198.51.100.1", "name": "Ben Huber"}
    (found,), count = without(ANA, [theirs])
    assert count == 1
    assert found["user"] == theirs["user"]
    assert found["entries"][0]["data"]["formatted"] == "re: [forgotten]"


def test_members_lose_what_stands_beside_and_stay_a_row() -> None:
    records = json.loads(page("members"))
    email, name = records[0]["email"], records[0]["name"]
    found, count = without(email, records, stream="members")
    assert count >= 1
    assert (found[0]["email"], found[0]["name"], found[0]["id"]) == (None, None, records[0]["id"])
    assert email not in json.dumps(found)
    assert name not in json.dumps(found[0])
    assert found[1:] == [r if r["email"] != email else found[i] for i, r in enumerate(records)][1:]


def test_ids_of_colleagues_are_no_ids_of_users() -> None:
    record = {"id": "9", "activity": [{"user": {"id": ID, "email": BEN, "name": "Ben"}}]}
    assert without(ID, [record], stream="issues") == ([record], 0)


def test_rows_of_discover_stay_apart() -> None:
    rows = [
        {"user.email": ANA, "user.ip": IP, "count()": 3},
        {"user.email": ANA, "user.ip": "198.51.100.7", "count()": 4},
        {"user.email": BEN, "user.ip": IP, "count()": 5},
    ]
    body = json.dumps({"data": rows, "meta": {"fields": {"user.email": "string"}}}).encode()
    personal = (("user.email", "email"), ("user.ip", "ip"))
    made, count = Forgetting(Person(ANA, Privacy(Policy(), KEY).hash), KEY).page(
        "discover", body, personal, rows=True
    )
    found = json.loads(made)["data"]
    assert count == 2
    assert found[2] == rows[2]
    assert found[0]["user.email"] == found[1]["user.email"] != ANA
    assert found[0]["user.ip"] != found[1]["user.ip"]
    assert [row["count()"] for row in found] == [3, 4, 5]


def test_pages_without_the_person_stay_byte_for_byte() -> None:
    person = Forgetting(Person("nobody@shop.test", Privacy(Policy(), KEY).hash), KEY)
    for name in ("events", "events_full", "members"):
        assert person.page("events", page(name), EVENTS) == (page(name), 0)


def test_what_else_the_records_named() -> None:
    privacy = Privacy(Policy("keep"), KEY)
    forgetting = Forgetting(Person(ANA, privacy.hash), KEY)
    forgetting.page("events", json.dumps([event(), event(BEN, "1", title="")]).encode(), EVENTS)
    assert set(forgetting.beside) == {ID, IP, "ana", NAME}


def test_damaged_pages_are_repaired_first() -> None:
    body = json.dumps([event()]).replace('"gold"', "NaN").replace("Graz", "\\ud800").encode()
    made, count = Forgetting(Person(ANA, Privacy(Policy(), KEY).hash), KEY).page("events", body, EVENTS)
    assert count == 1
    assert ANA.encode() not in made


def test_a_discover_page_that_only_looks_like_it_stays_as_it_is() -> None:
    """The value stands in the page by chance: as a part of other texts."""
    personal = STREAMS["discover"].personal
    body = (
        b'{"data":[{"project.id":47110,"release":"x@1","count()":3}],"meta":{"fields":{"release":"string"}}}'
    )
    privacy = Privacy(Policy(), KEY)
    for value in ("4711", "x"):
        made = Forgetting(Person(value, privacy.hash), KEY).page("discover", body, personal, rows=True)
        assert made == (body, 0)

"""No byte of a canary comes through, however it is written and wherever it stands."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.privacy.conftest import redact
from tests.privacy.samples import CANARY, EVENT, personal_event, places, put
from transforms.privacy import Policy

POLICIES = {
    "hash": Policy("hash", "hash"),
    "drop": Policy("drop", "drop"),
    "hash, texts too": Policy("hash", "hash", texts="scrub"),
    "by overrides": Policy("keep", "keep", "keep", overrides={"events/*": "drop"}),
}
NUMBER = 31415926535897
PLACES = list(places(personal_event()))


def leaks(body: bytes) -> bool:
    """Whether a canary is in the bytes, or in what they say."""
    said = json.dumps(json.loads(body), ensure_ascii=False)
    return any(
        re.search("canary|7e5f|leak|3141592653", text, re.IGNORECASE) for text in (body.decode(), said)
    )


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


@pytest.fixture(params=POLICIES.values(), ids=POLICIES)
def policy(request: pytest.FixtureRequest) -> Policy:
    found: Policy = request.param
    return found


@pytest.mark.parametrize("canary", [CANARY, CANARY.upper(), "canary", "Canary 7e5f", "+31415926535"])
def test_a_page_of_canaries(policy: Policy, canary: str) -> None:
    body = json.dumps([personal_event(canary)] * 2).encode()
    assert leaks(body)
    found = redact(policy, body, EVENT)
    assert not leaks(found)
    assert b'"Error: boom"' in found
    assert (b'"SERVER_NAME":"web-01"' in found) is not bool(policy.overrides)


@pytest.mark.parametrize("how", ["first letter", "all", "keys too"])
def test_escapes_hide_nothing(policy: Policy, how: str) -> None:
    text = json.dumps([personal_event()])
    if how == "first letter":
        text = text.replace("Canary", "\\u0043anary")
    else:
        text = text.replace(CANARY, escaped(CANARY))
    if how == "keys too":
        text = re.sub(r'"(\w+)":', lambda m: f'"{escaped(m[1])}":', text)
    assert json.loads(text) == [personal_event()]
    assert not leaks(redact(policy, text.encode(), EVENT))


@pytest.mark.parametrize("shape", ["plain", "spaces", "envelope", "lone", "nested", "broken"])
def test_pages_of_every_shape(policy: Policy, shape: str) -> None:
    from tests.privacy.conftest import KEY
    from transforms.privacy import Privacy

    record = personal_event()
    pages: dict[str, Any] = {"envelope": {"meta": {}, "data": [record]}, "lone": record, "nested": [[record]]}
    text = json.dumps(pages.get(shape, [record]), indent=3 if shape == "spaces" else None)
    if shape == "broken":
        text = text.replace('"lineNo": 1', '"lineNo": NaN, "bad": "\\ud800"')
    envelope = "data" if shape == "envelope" else ""
    found = Privacy(policy, KEY).redact("events", text.encode(), EVENT, envelope=envelope)
    assert not leaks(found)
    # an envelope that is not there hides nothing either
    if shape != "envelope":
        assert not leaks(Privacy(policy, KEY).redact("events", text.encode(), EVENT, envelope="data"))


@pytest.mark.parametrize("other", ["null", '"x"', "{}", "[]"])
def test_the_first_of_two_equal_keys_does_not_survive(policy: Policy, other: str) -> None:
    record = personal_event()
    for key, value in record.items():
        if CANARY in json.dumps(value):
            twice = f'[{{"id":"1",{json.dumps(key)}:{json.dumps(value)},{json.dumps(key)}:{other}}}]'
            assert not leaks(redact(policy, twice.encode(), EVENT)), key
    inner = '[{"user":{"email":"%s","email":%s}},{"tags":[{"key":"user.email","value":"%s","value":%s}]}]'
    assert not leaks(redact(policy, (inner % (CANARY, other, CANARY, other)).encode(), EVENT))
    renamed = f'[{{"tags":[{{"key":"email","value":"{CANARY}","key":"level","value":"x"}}]}}]'
    assert not leaks(redact(policy, renamed.encode(), EVENT))
    # a name spelt with escapes is the same name
    assert not leaks(redact(policy, renamed.replace("key", "\\u006bey", 1).encode(), EVENT))
    inside = f'[{{"context":{{"a":{{"password":"{CANARY}"}},"a":{other}}}}}]'
    assert not leaks(redact(policy, inside.encode(), EVENT))


@pytest.mark.parametrize("path", PLACES, ids=lambda p: "/".join(map(str, p)))
@pytest.mark.parametrize(
    "value", [[CANARY], {"a": {"b": CANARY}}, [[{CANARY: [CANARY]}]], {CANARY: 1}, NUMBER]
)
def test_wrong_types_at_every_place(path: tuple[Any, ...], value: Any) -> None:
    opaque = path[-1] in ("id", "user_id") or path == ("contexts", "user", "id")
    if value == NUMBER and (opaque or path[-1] == "user" or path[:2] == ("tags", 9)):
        return  # a number is an opaque id
    record = personal_event("x")
    put(record, path, value)
    for policy in POLICIES.values():
        assert not leaks(redact(policy, json.dumps([record]).encode(), EVENT)), policy


@pytest.mark.parametrize(
    "key", [key for key, value in personal_event().items() if CANARY in json.dumps(value)]
)
@pytest.mark.parametrize("value", [CANARY, [CANARY], NUMBER, [[CANARY, NUMBER]]])
def test_a_bare_value_where_an_object_is_due(key: str, value: Any) -> None:
    if key in ("owner", "tags") and not isinstance(value, str):
        return  # a number is an opaque id, or no tag about users
    for policy in POLICIES.values():
        if key in ("context", "contexts", "entries", "crumb", "http") and isinstance(value, list):
            continue
        assert not leaks(redact(policy, json.dumps([{key: value}]).encode(), EVENT)), policy


json_with_canaries = st.recursive(
    st.sampled_from([CANARY, CANARY.upper(), None, True, "x@" + CANARY]),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", CANARY]), below, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(PLACES), json_with_canaries, st.sampled_from(list(POLICIES.values())))
def test_any_json_at_any_place(path: tuple[Any, ...], value: Any, policy: Policy) -> None:
    record = personal_event("x")
    put(record, path, value)
    assert not leaks(redact(policy, json.dumps([record]).encode(), EVENT))

"""Every kind under every action."""

from __future__ import annotations

from typing import Any

import pytest

from tests.privacy.conftest import KEY, treat
from transforms.privacy import KINDS, KindError, Policy, Privacy

ACTIONS = {
    "hash": Policy("hash", "hash", "hash"),
    "drop": Policy("drop", "drop", "drop"),
    "keep": Policy("keep", "keep", "keep"),
}
h = Privacy(Policy(), KEY).hash
SAME = object()

UUID = "550e8400-e29b-41d4-a716-446655440000"
PAIRS = [["x", "1"], ["token", "t0"], ["mail", "a@b.io"]]
HEADERS = [
    ["Authorization", "Bearer t0"],
    ["Cookie", "sid=1"],
    ["X-Forwarded-For", "203.0.113.9, 10.0.0.1"],
    ["X-Api-Key", "k"],
    ["X-Auth-Request-Email", "a@b.io"],
    ["Accept", "text/html"],
    ["Referer", "https://shop.test/cart?x=1"],
]
HEADERS_HIDDEN = [
    *([name, None] for name, _ in HEADERS[:5]),
    ["Accept", "text/html"],
    ["Referer", f"https://shop.test/cart?x={h('1')}"],
]

CASES: list[tuple[str, Any, Any, Any, Any]] = [
    # kind, value, what it is under hash, drop and keep
    *(
        (kind, "ana", h("ana"), None, SAME)
        for kind in ("email", "ip", "username", "name", "member", "assignee")
    ),
    *((kind, None, None, None, None) for kind in KINDS),
    *((kind, "", "", "", "") for kind in KINDS),
    *((kind, [], [], [], []) for kind in KINDS),
    *((kind, {}, {}, {}, {}) for kind in KINDS),
    ("email", 42, h("42"), None, SAME),
    ("email", True, h("true"), None, SAME),
    ("email", ["a", 1], h('["a",1]'), None, SAME),
    ("email", {"a": "b"}, h('{"a":"b"}'), None, SAME),
    ("user_id", "42", SAME, SAME, SAME),
    ("user_id", 42, SAME, SAME, SAME),
    ("user_id", UUID, SAME, SAME, SAME),
    ("user_id", "auth0|507f1f77bcf86cd799439011", SAME, SAME, SAME),
    ("user_id", "user-99", SAME, SAME, SAME),
    ("user_id", "ana", h("ana"), None, SAME),
    ("user_id", "a@b.io", h("a@b.io"), None, SAME),
    ("user_id", "203.0.113.9", h("203.0.113.9"), None, SAME),
    ("user_id", "+49 170 1234567", h("+49 170 1234567"), None, SAME),
    ("user_id", "mueller-1985", h("mueller-1985"), None, SAME),
    ("user_id", ["ana"], h('["ana"]'), None, SAME),
    (
        "user",
        {
            "id": "7",
            "email": "a@b.io",
            "ip_address": "::1",
            "shoe": 44,
            "geo": {"city": "Graz"},
            "data": {"p": 1},
        },
        {
            **{
                "id": "7",
                "email": h("a@b.io"),
                "ip_address": h("::1"),
                "shoe": h("44"),
                "geo": {"city": None},
            },
            "data": {"p": h("1")},
        },
        {"id": "7", "email": None, "ip_address": None, "shoe": None, "geo": {"city": None}, "data": None},
        SAME,
    ),
    ("user", "email:a@b.io", f"email:{h('a@b.io')}", None, SAME),
    ("user", "id:7", SAME, SAME, SAME),
    ("user", "ana", h("ana"), None, SAME),
    ("user", ["id:7", "ip:::1"], ["id:7", f"ip:{h('::1')}"], ["id:7", None], SAME),
    (
        "geo",
        {"country_code": "AT", "city": "Graz", "region": "Styria"},
        {"country_code": "AT", "city": None, "region": None},
        {"country_code": "AT", "city": None, "region": None},
        SAME,
    ),
    ("geo", {"country_code": ["Graz"]}, {"country_code": None}, {"country_code": None}, SAME),
    ("geo", "Graz", None, None, SAME),
    ("data", {"a": [1, "x", True, None]}, {"a": [h("1"), h("x"), True, None]}, None, SAME),
    ("data", {"a@b.io": {"password": "p"}}, {h("a@b.io"): {"password": None}}, None, SAME),
    (
        "member",
        {"id": "3", "name": "Ana", "isActive": True, "emails": [{"email": "a@b.io"}]},
        {"id": "3", "name": h("Ana"), "isActive": True, "emails": [{"email": h("a@b.io")}]},
        None,
        SAME,
    ),
    (
        "url",
        "https://a:b@shop.test/x?q=1#y=2",
        f"https://shop.test/x?q={h('1')}#y={h('2')}",
        "https://shop.test/x",
        0,
    ),
    ("url", "/x?token=t0&q=a%20b", f"/x?token=&q={h('a b')}", "/x", "/x?token=&q=a%20b"),
    ("url", "https://shop.test/x", SAME, SAME, SAME),
    ("query_string", PAIRS, [["x", h("1")], ["token", None], ["mail", h("a@b.io")]], None, SAME),
    ("query_string", "x=1&mail=a%40b.io&flag", f"x={h('1')}&mail={h('a@b.io')}&{h('flag')}", None, SAME),
    ("query_string", {"x": "1"}, {"x": h("1")}, None, SAME),
    (
        "body",
        {"a": "b", "password": "p"},
        {"a": h("b"), "password": None},
        None,
        {"a": "b", "password": None},
    ),
    ("body", "a=b", h("a=b"), None, SAME),
    ("body", [1, "x"], [h("1"), h("x")], None, SAME),
    ("headers", HEADERS, HEADERS_HIDDEN, [*HEADERS_HIDDEN[:6], ["Referer", "https://shop.test/cart"]], 0),
    ("headers", dict(HEADERS), dict(HEADERS_HIDDEN), 0, 0),
    ("headers", "Cookie: sid=1", None, None, None),
    ("headers", [["Cookie"], "Cookie: sid=1"], [None, None], [None, None], [None, None]),
    ("cookies", [["sid", "1"]], None, None, None),
    ("secret", "s3cret", None, None, None),
    ("secret", {"a": 1}, None, None, None),
    (
        "breadcrumb",
        {"url": "https://x/?a=1", "status_code": 200, "headers": {"Cookie": "c"}, "apiKey": "k"},
        {"url": f"https://x/?a={h('1')}", "status_code": 200, "headers": {"Cookie": None}, "apiKey": None},
        {"url": "https://x/", "status_code": 200, "headers": {"Cookie": None}, "apiKey": None},
        {"url": "https://x/?a=1", "status_code": 200, "headers": {"Cookie": None}, "apiKey": None},
    ),
    (
        "extra",
        {"order": 7, "contact": "a@b.io", "a@b.io": 1, "deep": [{"userName": "ana", "has_password": True}]},
        {
            "order": 7,
            "contact": h("a@b.io"),
            h("a@b.io"): 1,
            "deep": [{"userName": h("ana"), "has_password": True}],
        },
        {"order": 7, "contact": None, h("a@b.io"): 1, "deep": [{"userName": None, "has_password": True}]},
        SAME,
    ),
    ("extra", "text", h("text"), None, SAME),
    (
        "contexts",
        {
            "device": {"name": "Ana's phone", "model": "X1"},
            "os": {"name": "iOS"},
            "user": {"email": "a@b.io"},
            "response": {"status_code": 200, "data": {"a": "b"}, "cookies": "c"},
        },
        {
            "device": {"name": h("Ana's phone"), "model": "X1"},
            "os": {"name": "iOS"},
            "user": {"email": h("a@b.io")},
            "response": {"status_code": 200, "data": {"a": h("b")}, "cookies": None},
        },
        {
            "device": {"name": None, "model": "X1"},
            "os": {"name": "iOS"},
            "user": {"email": None},
            "response": {"status_code": 200, "data": None, "cookies": None},
        },
        0,
    ),
    (
        "entries",
        [
            {"type": "request", "data": {"method": "GET", "query": PAIRS[:1], "env": {"REMOTE_ADDR": "::1"}}},
            {"type": "breadcrumbs", "data": {"values": [{"message": "m", "data": {"sessionToken": "t0"}}]}},
            {
                "type": "exception",
                "data": {"values": [{"stacktrace": {"frames": [{"vars": {"Password": "p"}}]}}]},
            },
        ],
        [
            {
                "type": "request",
                "data": {"method": "GET", "query": [["x", h("1")]], "env": {"REMOTE_ADDR": h("::1")}},
            },
            {"type": "breadcrumbs", "data": {"values": [{"message": "m", "data": {"sessionToken": None}}]}},
            {
                "type": "exception",
                "data": {"values": [{"stacktrace": {"frames": [{"vars": {"Password": None}}]}}]},
            },
        ],
        [
            {"type": "request", "data": {"method": "GET", "query": None, "env": {"REMOTE_ADDR": None}}},
            {"type": "breadcrumbs", "data": {"values": [{"message": "m", "data": {"sessionToken": None}}]}},
            {
                "type": "exception",
                "data": {"values": [{"stacktrace": {"frames": [{"vars": {"Password": None}}]}}]},
            },
        ],
        0,
    ),
]


@pytest.mark.parametrize(("kind", "value", "hashed", "dropped", "kept"), CASES)
def test_each_kind_under_each_action(kind: str, value: Any, hashed: Any, dropped: Any, kept: Any) -> None:
    for action, wanted in (("hash", hashed), ("drop", dropped), ("keep", kept)):
        found = treat(value, kind, ACTIONS[action])
        if wanted is SAME:
            assert found == value, action
        elif wanted != 0:  # 0: not spelt out
            assert found == wanted, action


@pytest.mark.parametrize(
    "name",
    [
        *(
            "proxy-authorization",
            "set-cookie",
            "x-hub-signature-256",
            "x-auth-user",
            "php-auth-pw",
            "x-csrf-token",
        ),
        *("x-real-ip", "x-client-addr", "x-envoy-external-address", "forwarded", "from", "cf-connecting-ip"),
        *("x-forwarded-for", "x-remote-user", "x-session-id"),
    ],
)
def test_headers_that_are_dropped(name: str) -> None:
    for spelt in (name, name.upper(), name.title()):
        assert treat([[spelt, "x"]], "headers", Policy()) == [[spelt, None]]


@pytest.mark.parametrize(
    "name", ["user-agent", "accept", "host", ":authority", "x-forwarded-proto", "origin"]
)
def test_headers_that_stay(name: str) -> None:
    assert treat([[name, "x"]], "headers", Policy()) == [[name, "x"]]


def test_a_header_by_override() -> None:
    policy = Policy(overrides={"events/at/user-agent": "hash", "events/at/x-real-ip": "keep"})
    assert treat({"User-Agent": "x", "X-Real-Ip": "y"}, "headers", policy) == {
        "User-Agent": h("x"),
        "X-Real-Ip": "y",
    }


def test_an_entry_without_a_type_is_taken_for_a_request() -> None:
    assert treat([{"data": {"query": "a=b"}}], "entries", Policy()) == [{"data": {"query": f"a={h('b')}"}}]


def test_all_kinds_are_covered() -> None:
    assert {case[0] for case in CASES if case[1] not in (None, "", [], {})} | {"tags"} == set(KINDS)


@pytest.mark.parametrize("value", ["Bearer t0", ["Basic x"], {"a": "b"}, 7])
@pytest.mark.parametrize("kind", ["cookies", "secret"])
def test_secrets_go_whatever_the_policy(kind: str, value: Any) -> None:
    loose = Policy("keep", "keep", "keep", overrides={"events/*": "keep", "events/at": "keep"})
    assert treat(value, kind, loose) is None


def test_credentials_go_where_all_else_is_kept() -> None:
    assert treat(HEADERS, "headers", ACTIONS["keep"])[:4] == [
        *(["Authorization", None], ["Cookie", None]),
        *(["X-Forwarded-For", "203.0.113.9, 10.0.0.1"], ["X-Api-Key", None]),
    ]
    loose = Policy("keep", "keep", "keep", overrides={"events/*": "keep"})
    assert treat({"password": "p"}, "extra", loose) == {"password": None}
    assert treat({"api_key": "p"}, "tags", Policy(overrides={"events/at/*": "keep"})) == {"api_key": None}


def test_requests_follow_users_unless_they_have_their_own_policy() -> None:
    assert treat("a=b", "body", Policy("drop")) is None
    assert treat("a=b", "body", Policy("drop", requests="keep")) == "a=b"
    assert treat("ana", "name", Policy("keep", requests="drop")) == "ana"


def test_an_unknown_kind_is_an_error(privacy: Privacy) -> None:
    with pytest.raises(KindError, match="events/user/email is declared as 'emial'"):
        privacy.redact("events", b"[]", [("user/email", "emial")])

"""Tags about users, in every shape Sentry writes them in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.privacy.conftest import KEY, treat
from transforms.privacy import Policy, Privacy

h = Privacy(Policy(), KEY).hash
IP = "203.0.113.9"


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("user", "email:a@b.io", f"email:{h('a@b.io')}"),
        ("user", f"ip:{IP}", f"ip:{h(IP)}"),
        ("user", "username:ana", f"username:{h('ana')}"),
        ("user", "id:ana", f"id:{h('ana')}"),
        ("user", "id:42", "id:42"),
        ("user", "ana", h("ana")),
        ("user", "shoe:44", h("shoe:44")),
        ("sentry:user", "email:a@b.io", f"email:{h('a@b.io')}"),
        ("user.id", "42", "42"),
        ("user.id", "ana", h("ana")),
        ("user.email", "a@b.io", h("a@b.io")),
        ("user.ip", IP, h(IP)),
        ("user.ip_address", IP, h(IP)),
        ("user.username", "ana", h("ana")),
        ("user.name", "Ana", h("Ana")),
        ("user.shoe", "44", h("44")),
        ("user.geo.country_code", "AT", "AT"),
        ("user.geo.city", "Graz", None),
        ("ip", IP, h(IP)),
        ("client_ip", IP, h(IP)),
        ("Email", "a@b.io", h("a@b.io")),
        ("customerEmail", "a@b.io", h("a@b.io")),
        ("contact", "a@b.io", h("a@b.io")),
        ("api_key", "k", None),
        ("url", "https://shop.test/?a=1", f"https://shop.test/?a={h('1')}"),
        ("release", "app@1.0.beta", "app@1.0.beta"),
        ("release", "1.2.3.4", "1.2.3.4"),
        ("customer", "acme", "acme"),
        ("level", "error", "error"),
        ("numeric", 1, 1),
        ("user.email", 1, h("1")),
        ("user", ["a"], [h("a")]),
        ("user.email", ["a"], [h("a")]),
        ("user", None, None),
    ],
)
def test_a_tag_by_its_key(key: str, value: Any, wanted: Any) -> None:
    assert treat([{"key": key, "value": value}], "tags", Policy()) == [{"key": key, "value": wanted}]
    assert treat([[key, value]], "tags", Policy()) == [[key, wanted]]
    assert treat({key: value}, "tags", Policy()) == {key: wanted}
    assert treat([{"key": key, "value": value}], "tags", Policy("keep")) == [{"key": key, "value": value}]
    changed = wanted != value
    (dropped,) = treat([{"key": key, "value": value}], "tags", Policy("drop"))
    if key != "url" and not isinstance(value, list):
        assert dropped == {"key": key, "value": None if changed else value}


@pytest.mark.parametrize(
    ("tag", "query", "wanted"),
    [
        ("email:a@b.io", 'user.email:"a@b.io"', f'user.email:"{h("a@b.io")}"'),
        (f"ip:{IP}", f'user.ip:"{IP}"', f'user.ip:"{h(IP)}"'),
        ("id:42", 'user.id:"42"', 'user.id:"42"'),
        ("id:42", 'user.id:"a@b.io"', 'user.id:"42"'),
        ("id:ana", 'user.id:"ana"', f'user.id:"{h("ana")}"'),
        ('username:a"b', 'user.username:"a\\"b"', f'user.username:"{h(chr(97) + chr(34) + chr(98))}"'),
        ("email:a@b.io", "a@b.io", None),
        ("email:a@b.io", ["a@b.io"], None),
        ("email:a@b.io", None, None),
    ],
)
def test_the_query_repeats_the_treated_value(tag: str, query: Any, wanted: Any) -> None:
    (found,) = treat([{"key": "user", "value": tag, "query": query}], "tags", Policy())
    assert found["query"] == wanted
    (dropped,) = treat([{"key": "user", "value": tag, "query": query}], "tags", Policy("drop"))
    assert dropped["query"] == (wanted if tag == "id:42" else None)


def test_other_fields_of_a_personal_tag_are_hidden() -> None:
    tag = {"key": "user", "value": "email:a@b.io", "name": "Ana", "count": 3}
    (found,) = treat([tag], "tags", Policy())
    assert found == {"key": "user", "value": f"email:{h('a@b.io')}", "name": h("Ana"), "count": h("3")}


def test_a_tag_without_a_key_is_hidden() -> None:
    assert treat([{"key": None, "value": "a"}], "tags", Policy()) == [{"key": None, "value": h("a")}]
    assert treat([{"value": "a"}, "b"], "tags", Policy()) == [{"value": h("a")}, h("b")]


def test_all_other_tags_stay_as_they_are() -> None:
    tags = [
        {"key": "os", "value": "iOS 17.2", "query": 'os:"iOS"'},
        {"key": "a\nb", "value": "c\\d", "x": 1.5},
    ]
    assert treat(tags, "tags", Policy()) == tags


def test_overrides_by_tag() -> None:
    policy = Policy(
        overrides={"events/at/customer": "hash", "events/at/ip": "keep", "events/at/user": "drop"}
    )
    tags = {"customer": "acme", "ip": IP, "user": "id:42", "user.id": "42"}
    assert treat(tags, "tags", policy) == {"customer": h("acme"), "ip": IP, "user": None, "user.id": "42"}
    joined = Policy(overrides={"events/at/user": "hash"})
    assert treat({"user": "email:a@b.io"}, "tags", joined) == {"user": f"email:{h('a@b.io')}"}

"""Free data: looking only where a name asks for it misses nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from tests.privacy.conftest import KEY
from tests.privacy.samples import CANARY, NAMES
from transforms.privacy import Policy, Privacy
from transforms.privacy.names import OPAQUE_ID, kind_of, suspects
from transforms.privacy.values import Values

PRIVACY = Privacy(Policy(), KEY)
VALUES = Values(Policy(), PRIVACY.hash)
EVERYWHERE = (b"",)
"""The mark that all data has."""

names = st.sampled_from(
    [*NAMES, "a", ":b", '"password', 'password"', "{,", "x\\", "url", "to", ":", '":', "é", "email:"]
)
spelt = st.sampled_from(
    [lambda t: t, lambda t: "".join(f"\\u{ord(c):04x}" for c in t), lambda t: t.replace("/", "\\/")]
)
spaces = st.sampled_from(["", "", " ", "\n\t"])
strings = st.sampled_from(["", ":", '":', '",":', "{", "/?a=b", "a,", "x@y", "\\", CANARY]) | st.text(
    max_size=4
)


def spell(text: str, how: Any) -> str:
    plain = json.dumps(text, ensure_ascii=False)
    return plain if how("e") == "e" and "/" not in plain else f'"{how(text)}"' if text.isalpha() else plain


@st.composite
def documents(draw: Any, depth: int = 3) -> str:
    """JSON text with names of all kinds, spelt in all ways."""
    kind = draw(
        st.sampled_from(["string", "scalar", "list", "object", "object"] if depth else ["string", "scalar"])
    )
    space = draw(spaces)
    if kind == "string":
        return json.dumps(draw(strings), ensure_ascii=draw(st.booleans()))
    if kind == "scalar":
        return str(draw(st.sampled_from(["null", "true", "1", "1.10"])))
    below = draw(st.lists(documents(depth=depth - 1), max_size=3))
    if kind == "list":
        return f"[{space}{','.join(below)}]"
    members = [f"{space}{spell(draw(names), draw(spelt))}{space}:{space}{value}" for value in below]
    return "{" + f"{space},".join(members) + "}"


def readable(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(max_examples=600)
@given(documents())
@example('{"a":1,":password":"x"}')
@example('{"a":"b,",":password":"x"}')
@example('{"a":{"password":"x"},"a":1}')
@example('{"a":"{\\"password\\":1}","pass\\u0077ord" : "x"}')
@example('["' + CANARY + '"]')
@example('["Canary.7e5f\\u0040leak.example"]')
def test_nothing_is_overlooked(text: str) -> None:
    if not readable(text):
        return
    quick = VALUES.free(Raw(text.encode()), "events/context")
    slow = VALUES.free(Raw(text.encode()), "events/context", EVERYWHERE)
    assert json.loads(bytes(quick)) == json.loads(bytes(slow))
    if text[0] in "{[":
        assert not re.search("canary", bytes(quick).decode(), re.IGNORECASE)


@pytest.mark.parametrize("name", [*NAMES, "X-Auth-Token", "PHPSESSID", "client.address", "authors_email"])
def test_names_that_hide_their_value(name: str) -> None:
    assert kind_of(name) is not None
    assert suspects(json.dumps({"a": [{name: 1}]}, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "name",
    [
        *(
            "author",
            "description",
            "zip",
            "filename",
            "function",
            "module",
            "absPath",
            "lineNo",
            "inApp",
            "context",
        ),
        *(
            "vars",
            "values",
            "type",
            "data",
            "category",
            "message",
            "level",
            "timestamp",
            "name",
            "model",
            "iphone",
        ),
        *(
            "status_code",
            "method",
            "tooltip",
            "keyboard",
            "useragent",
            "userCount",
            "microphone",
            "authority",
        ),
    ],
)
def test_names_that_say_nothing(name: str) -> None:
    assert kind_of(name) is None
    assert not suspects(json.dumps({name: 1}, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "0042",
        "user-7",
        "usr_0a1b2c3d4e5f60718293",
        "cus:17",
        "A" * 16,
        "google-oauth2|103547991597142817347",
    ],
)
def test_opaque_ids(text: str) -> None:
    assert OPAQUE_ID.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["ana", "ana42", "ana-42", "a@b.io", "1.2.3.4", "::1", "+491701234567", "7 7", "", "é7"]
)
def test_ids_that_may_be_names(text: str) -> None:
    assert not OPAQUE_ID.fullmatch(text)

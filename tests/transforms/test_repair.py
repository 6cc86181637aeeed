"""Bodies that strict decoders refuse: only what they refuse is changed."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.repair import DEEPEST, Unreadable, repair

TEXTS = st.text(alphabet='a"\\/\n\0ü😀\ud800\udc00\udfffu', max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def clean(value: Any) -> Any:
    """The value without what JSON can not say; halves that follow each other are one character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [clean(v) for v in value]
    if isinstance(value, dict):
        return {clean(k): clean(v) for k, v in value.items()}
    return value


@given(VALUES)
def test_it_says_the_same_without_what_can_not_be_said(value: Any) -> None:
    assert json.loads(repair(json.dumps(value).encode())) == clean(value)


@given(VALUES)
def test_what_is_fine_stays_byte_for_byte(value: Any) -> None:
    body = json.dumps(clean(value), ensure_ascii=False).encode()
    assert repair(body) == body


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        (b'["NaN",NaN,-Infinity,Infinity,"\\"NaN"]', b'["NaN",null,null,null,"\\"NaN"]'),
        (b'["\\ud800","\\\\ud800","\\\\\\ud800x"]', b'["\\ufffd","\\\\ud800","\\\\\\ufffdx"]'),
        (b'["\\ud83d\\ude00\\ude00"]', b'["\\ud83d\\ude00\\ufffd"]'),
        (b'["a\nb\x01"]', b'["a\\u000ab\\u0001"]'),
        (b'["\xff\xfe",1.10,1e400,"k"]', '["\ufffd\ufffd",1.10,1e400,"k"]'.encode()),
    ],
)
def test_single_repairs(body: bytes, mended: bytes) -> None:
    assert repair(body) == mended


@pytest.mark.parametrize("depth", [DEEPEST - 2, 5_000, 200_000])
def test_deep_nesting_becomes_text(depth: int) -> None:
    body = b'[{"a":' + b"[" * depth + b'"x]"' + b"]" * depth + b'},{"b":1}]'
    mended = msgspec.json.decode(repair(body), type=list[dict[str, msgspec.Raw]])
    assert bytes(mended[1]["b"]) == b"1"


@pytest.mark.parametrize("body", [b"", b"<html>", b'[{"a":1}', b'{"a":', b'"open', b"[1,]", b"no", b"\x00"])
def test_no_json_is_said(body: bytes) -> None:
    with pytest.raises(Unreadable):
        repair(body)

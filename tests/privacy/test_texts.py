"""Addresses in free text, where the policy asks for it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.privacy.conftest import KEY, redact
from transforms.privacy import Policy, Privacy

h = Privacy(Policy(), KEY).hash
SCRUB = Policy(texts="scrub")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no user ana@example.test found", f"no user {h('ana@example.test')} found"),
        ("<ana@example.test>", f"<{h('ana@example.test')}>"),
        ("\nana@example.test.", f"\n{h('ana@example.test')}."),
        ("JOSÉ@exämple.test", h("JOSÉ@exämple.test")),
        ("from 203.0.113.9:443", f"from {h('203.0.113.9')}:443"),
        ("by http://203.0.113.9", "by http://203.0.113.9"),
        ("from 203.0.113.9.", f"from {h('203.0.113.9')}."),
        ("from [2001:db8::1]", f"from [{h('2001:db8::1')}]"),
        ("::1", h("::1")),
        ("999.1.1.1", "999.1.1.1"),
        ("app@1.2.3.4 and v1.2.3.4", "app@1.2.3.4 and v1.2.3.4"),
        ("at 12:34:56 std::vector a::b", "at 12:34:56 std::vector a::b"),
        ("nothing", "nothing"),
    ],
)
def test_a_text(text: str, wanted: str) -> None:
    for body in (json.dumps([{"t": text}]), json.dumps([{"t": text}], ensure_ascii=False)):
        for personal in ([("user/email", "email")], []):
            (found,) = json.loads(redact(SCRUB, body.encode(), personal))
            assert found == {"t": wanted}


def test_it_is_off_by_default() -> None:
    body = b'[{"t":"ana@example.test","user":{"email":null}}]'
    assert redact(Policy(), body, [("user/email", "email")]) == body


def test_dropped_users_leave_a_mark() -> None:
    found = redact(Policy("drop", texts="scrub"), b'[{"t":"to ana@example.test"}]', [])
    assert found == b'[{"t":"to [removed]"}]'


def test_what_is_kept_by_policy_stays() -> None:
    body = b'[{"author":{"email":"ana@example.test"},"t":"ana@example.test","n":1.10,"x":"\\u0000"}]'
    found = redact(SCRUB, body, [("author/email", "member")]).decode()
    assert found == (
        '[{{"author":{{"email":"ana@example.test"}},"t":"{}","n":1.10,"x":"\\u0000"}}]'.format(
            h("ana@example.test")
        )
    )


@pytest.mark.parametrize("piece", ["a", "a.", "a@", "1.", "::", "a:", "@a.", '"', "\\", "a-", "é"])
def test_hostile_texts_take_no_time(piece: str) -> None:
    body = json.dumps(
        [{"t": piece * 100_000, "contexts": {"a": piece * 100_000}, "tags": {"a": piece * 100_000}}]
    )
    personal: Any = [("contexts", "contexts"), ("tags", "tags")]
    start = time.perf_counter()
    redact(SCRUB, body.encode(), personal)
    redact(Policy(), body.encode(), personal)
    assert time.perf_counter() - start < 5

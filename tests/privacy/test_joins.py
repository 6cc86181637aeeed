"""Hashed users stay joinable and countable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.privacy.conftest import KEY, redact
from tests.privacy.measure import SUMMARY
from tests.privacy.pages import page
from transforms.privacy import Policy, Privacy


def tag_of(record: dict[str, Any], key: str) -> str | None:
    return next((t["value"] for t in record["tags"] or () if t["key"] == key), None)


MEASURES: list[Callable[[dict[str, Any]], Any]] = [
    lambda r: (r["user"] or {}).get("email"),
    lambda r: (r["user"] or {}).get("id"),
    lambda r: (r["user"] or {}).get("ip_address"),
    lambda r: (r["user"] or {}).get("username"),
    lambda r: json.dumps(r["user"]),
    lambda r: tag_of(r, "user"),
    lambda r: (tag_of(r, "user"), tag_of(r, "release")),
]


def counts(body: bytes) -> list[int]:
    records = json.loads(body)
    return [len({measure(r) for r in records}) for measure in MEASURES]


def test_unique_users_are_as_many_as_before() -> None:
    body = page("events")
    assert counts(redact(Policy(), body, SUMMARY)) == counts(body)
    assert max(counts(body)) >= 4


texts = st.text(min_size=1, max_size=8) | st.emails() | st.integers(0, 99).map(str)


@given(
    st.lists(
        st.fixed_dictionaries({"id": texts, "email": texts, "ip_address": texts, "username": texts}),
        max_size=9,
    )
)
def test_unique_users_of_any_page(users: list[dict[str, str]]) -> None:
    page = [
        {"user": user, "tags": [{"key": "user", "value": f"{key}:{user[key]}"} for key in ("email",)]}
        for user in users
    ]
    body = json.dumps(page).encode()
    if "\\ud" in body.decode():
        return  # lone surrogates are repaired
    assert counts(redact(Policy(), body, SUMMARY)) == counts(body)


def test_the_same_e_mail_has_the_same_hash_everywhere() -> None:
    email = "ana+x@example.test"
    body = json.dumps(
        [
            {
                "user": {"id": email, "email": email, "username": email, "data": {"alias": [email]}},
                "tags": [
                    {"key": "user", "value": f"email:{email}", "query": f'user.email:"{email}"'},
                    {"key": "contact", "value": email},
                    {"key": "url", "value": "/?mail=ana%2Bx%40example.test"},
                ],
                "author": {"email": email},
                "crumb": {"to": email, "url": "https://x/?mail=ana%2bx%40example.test"},
                "text": f"Mail to {email}, or <{email}>.",
            }
        ]
    ).encode()
    policy = Policy(members="hash", texts="scrub")
    personal = (*SUMMARY, ("author", "member"), ("crumb", "breadcrumb"))
    found = redact(policy, body, personal).decode()
    assert found.count(Privacy(policy, KEY).hash(email)) == body.decode().count("example.test") == 13
    assert "example.test" not in found

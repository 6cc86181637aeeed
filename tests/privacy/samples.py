"""Records whose every personal field holds a canary, as Sentry writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CANARY = "Canary.7e5f@leak.example"
EVENT = (
    *(
        ("user/id", "user_id"),
        ("user/email", "email"),
        ("user/ip_address", "ip"),
        ("user/username", "username"),
    ),
    *(("user/name", "name"), ("user/geo", "geo"), ("user/data", "data"), ("tags", "tags")),
    *(("entries", "entries"), ("contexts", "contexts"), ("context", "extra"), ("assignee", "assignee")),
    *(("authors/email", "member"), ("authors/name", "member"), ("lastCommit/author", "member")),
    *(
        ("secret", "secret"),
        ("dsn/secret", "secret"),
        ("crumb/data", "breadcrumb"),
        ("http/headers", "headers"),
    ),
    *(
        ("http/cookies", "cookies"),
        ("http/query", "query_string"),
        ("http/data", "body"),
        ("http/url", "url"),
    ),
    ("owner", "user"),
)
"""One declaration with every kind, as if one record had them all."""

NAMES = (
    *("email", "e-mail", "userEmail", "username", "user_name", "ip", "ip_address", "clientIp", "remote_addr"),
    *(
        "first_name",
        "lastName",
        "phone",
        "login",
        "user",
        "user_id",
        "session_id",
        "password",
        "passwd",
        "api_key",
    ),
    *("accessToken", "Authorization", "cookie", "set-cookie", "secret", "X-CSRF-Token", "credentials", "jwt"),
)


def personal_event(c: Any = CANARY) -> dict[str, Any]:
    """An event with `c` at every place that is hidden by default, and nowhere else."""
    named = dict.fromkeys(NAMES, c)
    return {
        "id": "471464e6c7c047d58fc0018b40574481",
        "title": "Error: boom",
        "user": {
            **{"id": c, "email": c, "ip_address": c, "username": c, "name": c},
            "geo": {"country_code": "AT", "city": c, "region": c, "subdivision": c},
            "data": {"plan": c, "deep": {"er": [c, {"x": c}]}},
        },
        "tags": [
            {"key": "level", "value": "error"},
            *(
                {"key": "user", "value": f"{p}:{c}", "query": f'user.{p}:"{c}"'}
                for p in ("id", "email", "ip", "username")
            ),
            *(
                {"key": key, "value": c, "query": f'{key}:"{c}"'}
                for key in ("user.email", "user.ip", "email", "ip", "user")
            ),
            {"key": "url", "value": f"https://shop.test/cart?who={c}"},
        ],
        "entries": [
            {
                "type": "request",
                "data": {
                    "url": f"https://ana:{c}@shop.test/cart?who={c}",
                    "method": "POST",
                    "query": [["who", c], ["b", c]],
                    "fragment": c,
                    "data": {"a": c, "b": [c]},
                    "cookies": [["sid", c]],
                    "headers": [
                        [name, c] for name in ("Cookie", "Authorization", "X-Forwarded-For", "X-Api-Key")
                    ],
                    "env": {
                        "REMOTE_ADDR": c,
                        "HTTP_COOKIE": c,
                        "HTTP_X_FORWARDED_FOR": c,
                        "SERVER_NAME": "web-01",
                    },
                },
            },
            {
                "type": "breadcrumbs",
                "data": {"values": [{"category": "x", "data": {**named, "deep": [named]}}]},
            },
            {
                "type": "exception",
                "data": {"values": [{"type": "E", "stacktrace": {"frames": [{"lineNo": 1, "vars": named}]}}]},
            },
        ],
        "contexts": {
            "device": {"name": c, "unique_identifier": c, "model": "X1"},
            "user": {"id": c, "email": c},
            "geo": {"city": c},
            "feedback": {"name": c, "contact_email": c},
            "response": {"headers": [["Set-Cookie", c]], "data": {"a": c}, "cookies": {"a": c}},
            "anything": named,
        },
        "context": {**named, "deep": {"er": [named]}},
        "assignee": c,
        "authors": [{"email": c, "name": c}, {"email": c, "name": {"first": c}}],
        "lastCommit": {"author": {"name": c, "emails": [{"email": c}]}},
        "secret": c,
        "dsn": {"secret": c, "public": "https://key@sentry.test/1"},
        "crumb": {"data": named},
        "http": {
            **{"headers": [["cookie", c]], "cookies": [[c, c]], "query": f"a={c}&b={c}", "data": c},
            "url": f"https://shop.test/?a={c}",
        },
        "owner": {"id": c, "email": c, "shoe": c},
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where canaries stand as whole values."""
    if value == CANARY:
        yield path
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from places(below, (*path, i))


def put(record: Any, path: tuple[Any, ...], value: Any) -> None:
    """Writes another value at a place."""
    for key in path[:-1]:
        record = record[key]
    record[path[-1]] = value

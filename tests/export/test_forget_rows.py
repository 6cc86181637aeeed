"""Rows without archived pages: what is personal in those about a person's events goes, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extractors.stream import DiscoverQuery, all_streams
from flows.forget_rows import Streams, blank_rows
from transforms.privacy import Forgetting, Person, Policy, Privacy
from warehouse.store import Store

KEY = b"a key of the tests, 32 bytes long"
ANN, BOB = "ann@example.org", "bob@example.org"
QUERY = DiscoverQuery(name="people", fields=("user.email", "user.ip", "user.display", "level", "count()"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "warehouse.duckdb") as made:
        with made.transaction():
            for _, requests in streams():
                for table in {t.name: t for r in requests for t in r.tables}.values():
                    made.fit(table)
        yield made


def streams() -> Streams:
    return [(s, s.configure([QUERY]) if s.configure else s.requests) for s in all_streams()]


def put(store: Store, name: str, *rows: dict[str, Any]) -> None:
    table = next(t for _, rs in streams() for r in rs for t in r.tables if t.name == name)
    nothing = dict.fromkeys(table.names)
    with store.transaction():
        store.put(table, [{**nothing, "organization_id": "1", "project_id": "7", **row} for row in rows])


def blank(store: Store, value: str = ANN, events: frozenset[str] = frozenset()) -> None:
    person = Person(value, Privacy(Policy(users="keep"), KEY).hash)
    blank_rows(store, Forgetting(person, KEY), streams(), set(events))


def json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def test_rows_of_the_same_event_lose_what_is_personal(store: Store) -> None:
    put(
        store,
        "events",
        {"event_id": "a", "user_email": ANN, "user_ip_address": "9.9.9.9", "title": "boom"},
        {"event_id": "b", "user_email": BOB, "user_ip_address": "8.8.8.8", "title": f"no mail to {ANN}"},
    )
    device = {"type": "device", "name": "Anns iPhone", "model": "iPhone9"}
    contexts = [
        {
            "event_id": e,
            "key": "device",
            "name": device["name"],
            "model": device["model"],
            "data": json(device),
        }
        for e in "ab"
    ]
    put(store, "event_contexts", *contexts)
    blank(store)
    assert store.rows("select event_id, user_email, user_ip_address, title from events order by 1") == [
        ("a", None, None, "boom"),
        ("b", BOB, "8.8.8.8", "no mail to [forgotten]"),
    ]
    assert store.rows("select name, model, data from event_contexts order by event_id") == [
        (None, "iPhone9", json(device | {"name": None})),
        ("Anns iPhone", "iPhone9", json(device)),
    ]


def test_events_that_were_theirs_before_are_told(store: Store) -> None:
    """The event's own row was read again, and cleaned in the archive; its body's rows were not."""
    put(store, "events", {"event_id": "a"})
    put(store, "event_requests", {"event_id": "a", "url": "https://shop.example/?q=1"})
    blank(store, events=frozenset("a"))
    assert store.rows("select url from event_requests") == [("https://shop.example/",)]


def test_rows_of_a_query_keep_their_number(store: Store) -> None:
    people = [
        {"user_email": ANN, "user_ip": "9.9.9.9", "user_display": "Ann", "level": "error", "count": 2},
        {"user_email": BOB, "user_ip": "8.8.8.8", "user_display": "Bob", "level": "error", "count": 3},
    ]
    put(store, "discover_people", *people)
    blank(store)
    (ann, bob) = store.rows("select * exclude (organization_id, _run_id, _loaded_at) from discover_people")
    assert not {ANN, "9.9.9.9", "Ann"} & set(ann)
    assert {BOB, "8.8.8.8", "Bob"} <= set(bob)
    assert {"error", 2} <= set(ann)


def test_numbers_that_python_does_not_know_stay_as_they_are(store: Store) -> None:
    put(store, "event_frames", {"event_id": "a", "vars": '{"email":"' + ANN + '","n":1e999,"m":1e5}'})
    blank(store)
    assert store.rows("select vars::varchar from event_frames") == [('{"email":null,"n":1e999,"m":1e5}',)]


def test_views_of_the_user_are_no_matter(store: Store) -> None:
    put(store, "events", {"event_id": "a", "user_email": ANN})
    store.connection.execute("create view mine as select * from events")
    blank(store)
    assert store.rows("select user_email from mine") == [(None,)]

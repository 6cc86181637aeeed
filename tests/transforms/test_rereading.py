"""Summary and body of one event, loaded in any order, any number of times: neither takes from the other."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from full_events import CONTEXT, LATEST, as_json, entry, event, stack

from extractors.streams.events import STREAM
from transforms.frames import Batch
from transforms.records import RecordReader
from warehouse.load import load
from warehouse.store import Store

(SUMMARY,) = (r for r in STREAM.requests if not r.name)
NOW = datetime(2026, 11, 2, 3)
ID = "a" * 32


def summary() -> Batch:
    row = {
        "id": ID,
        "eventID": ID,
        "event.type": "error",
        "projectID": "2",
        "dateCreated": "2026-11-01T10:00:00Z",
        "tags": [{"key": "level", "value": "error"}, {"key": "release", "value": "1.0"}],
    }
    return RecordReader(SUMMARY.tables, SUMMARY.ignored).read([as_json([row])], CONTEXT)


def body() -> Batch:
    one = event(
        entries=[entry("exception", {"values": [{"type": "A", "stacktrace": stack("f", "g")}]})],
        contexts={"os": {"name": "iOS"}},
        metadata={"type": "A"},
    )
    return RecordReader(LATEST.tables, LATEST.ignored).read([as_json([one])], CONTEXT)


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return store.rows(sql)


@pytest.mark.parametrize("order", sorted(set(permutations("sbsb"))))
def test_order_does_not_matter(order: tuple[str, ...], tmp_path: Path) -> None:
    with Store(tmp_path / "warehouse.duckdb") as store:
        for which in order:
            batch = summary() if which == "s" else body()
            with store.transaction():
                load(store, batch.frames, seen_at=NOW)
        assert rows(store, "select event_id, date_received, metadata, release, level from events") == [
            (ID, datetime(2026, 11, 1, 10, 0, 1), '{"type":"A"}', "1.0", "error")
        ]
        assert rows(store, "select key, value from event_tags order by all") == [
            ("level", "error"),
            ("release", "1.0"),
        ]
        assert rows(store, "select function from event_frames order by frame_position") == [("f",), ("g",)]
        assert rows(store, "select count(*) from event_details") == [(1,)]
        assert rows(store, "select key, name from event_contexts") == [("os", "iOS")]

"""Full events into their tables: everything is there, in order, and nothing of one event is in another's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from full_events import EVENT, Read, as_json, entry, event, frame_of, payload_events, stack


def entries(events: list[dict[str, Any]], type_: str) -> list[Any]:
    return [e["data"] for one in events for e in one["entries"] if e["type"] == type_]


def test_payloads_are_whole(read: Read) -> None:
    events = payload_events()
    batch = read(as_json(events))
    exceptions = [v for data in entries(events, "exception") for v in data["values"]]
    frames = [f for v in exceptions if v["stacktrace"] for f in v["stacktrace"]["frames"]]
    crumbs = [v for data in entries(events, "breadcrumbs") for v in data["values"]]
    assert not batch.drift
    assert not batch.rejects
    assert frame_of(batch, "event_details").height == len(events)
    assert frame_of(batch, "event_exceptions")["value"].to_list() == [v["value"] for v in exceptions]
    got = frame_of(batch, "event_frames").filter(stack="exception", is_raw=False)
    assert got["function"].to_list() == [f["function"] for f in frames]
    assert got["line_no"].to_list() == [f["lineNo"] for f in frames]
    assert [v and json.loads(v) for v in got["vars"]] == [f.get("vars") for f in frames]
    assert got["context_line"].to_list() == [
        next((text for number, text in f["context"] or [] if number == f["lineNo"]), None) for f in frames
    ]
    assert [json.loads(v or "[]") for v in got["source_context"]] == [f["context"] or [] for f in frames]
    assert frame_of(batch, "event_breadcrumbs")["message"].to_list() == [c["message"] for c in crumbs]
    assert frame_of(batch, "event_contexts").height == sum(len(e["contexts"] or {}) for e in events)
    assert frame_of(batch, "event_errors").height == sum(len(e["errors"] or []) for e in events)
    assert frame_of(batch, "event_spans").height == sum(map(len, entries(events, "spans")))


def test_each_stack_says_whose_it_is(read: Read) -> None:
    values = [
        {"type": "A", "stacktrace": stack("a1", "a2"), "rawStacktrace": stack("raw"), "threadId": 7},
        {"type": "B", "stacktrace": None},
        {"type": "C", "stacktrace": stack("c")},
    ]
    threads = [{"id": "main", "stacktrace": stack("t")}, {"id": 7, "rawStacktrace": stack("u")}]
    one = event(
        entries=[
            entry("threads", {"values": threads}),
            entry("exception", {"values": values}),
            entry("stacktrace", stack("s")),
        ]
    )
    columns = ["stack", "stack_position", "thread_id", "is_raw", "frame_position", "function"]
    rows = frame_of(read(as_json([event(id="b", eventID="b"), one])), "event_frames").select(columns).rows()
    assert sorted(rows, key=str) == sorted(
        [
            ("exception", 0, "7", False, 0, "a1"),
            ("exception", 0, "7", False, 1, "a2"),
            ("exception", 2, None, False, 0, "c"),
            ("exception", 0, "7", True, 0, "raw"),
            ("thread", 0, "main", False, 0, "t"),
            ("thread", 1, "7", True, 0, "u"),
            ("event", 0, None, False, 0, "s"),
        ],
        key=str,
    )


def test_two_entries_of_one_type_lose_no_row(read: Read) -> None:
    both = [entry("breadcrumbs", {"values": [{"message": m}, {"message": m * 2}]}) for m in "xy"]
    crumbs = frame_of(read(as_json([event(entries=both)])), "event_breadcrumbs")
    assert crumbs.select("breadcrumb_position", "message").rows() == [
        (0, "x"),
        (1, "xx"),
        (2, "y"),
        (3, "yy"),
    ]


def test_unknown_entry_types_are_kept_and_told(read: Read) -> None:
    odd = [
        entry("hologram", {"beams": 3}),
        entry("csp", {"blocked_uri": "x"}),
        {"data": 5},
        {"data": [1], "type": None},
        {"data": {"a": 1}, "type": 7},
        entry("hologram", None),
    ]
    batch = read(as_json([event(entries=odd)]))
    rows = frame_of(batch, "event_entries").select("entry_position", "entry_type", "data").rows()
    assert sorted(rows) == [
        (0, "hologram", '{"beams":3}'),
        (1, "csp", '{"blocked_uri":"x"}'),
        (2, None, "5"),
        (3, None, "[1]"),
        (4, None, '{"a":1}'),
        (5, "hologram", None),
    ]
    assert "entries[hologram]" in {d.path for d in batch.drift}
    assert not batch.rejects


def test_contexts_keep_odd_names_and_shapes(read: Read) -> None:
    contexts = {
        "os": {"name": "iOS", "version": 17, "rooted": False, "type": "os", "other": [1]},
        "Key": {"value": 1},
        "key": {"value": 2},
        "": {"text": "no name"},
        "word": "just a text",
        "device": {"memory_size": 2**70, "battery_level": 12.5, "boot_time": "2026-10-01T05:06:07+05:30"},
        "gone": None,
    }
    batch = read(as_json([event(contexts=contexts)]))
    rows = {row["key"]: row for row in frame_of(batch, "event_contexts").to_dicts()}
    assert rows.keys() == contexts.keys()
    assert rows["os"]["version"] == "17"
    assert rows["device"]["memory_size"] is None
    assert rows["device"]["battery_level"] == 12.5
    assert str(rows["device"]["boot_time"]) == "2026-09-30 23:36:07"
    assert {k: v["data"] and json.loads(v["data"]) for k, v in rows.items()} == contexts
    assert not batch.rejects  # the whole context is there


def test_transactions_are_no_errors(read: Read) -> None:
    one = {k: v for k, v in EVENT.items() if k != "dateCreated"} | {
        "type": "transaction",
        "title": "/checkout",
        "user": {"id": "7", "geo": {"country_code": "DE"}},
        "tags": [{"key": "browser", "value": "Firefox"}],
        "startTimestamp": 1_793_527_200.25,
        "endTimestamp": 1_793_527_201.5,
        "measurements": {"lcp": {"value": 1.5, "unit": "millisecond"}, "fid": {"value": 3, "unit": None}},
        "entries": [entry("spans", [{"span_id": "s", "start_timestamp": 1_793_527_200.5, "tags": {"a": 1}}])],
    }
    batch = read(as_json([one, event(id="b", eventID="b")]))
    assert frame_of(batch, "events")["event_id"].to_list() == ["b"]
    said = ["title", "user_id", "user_geo_country_code"]
    assert frame_of(batch, "other_events").select(said).rows() == [("/checkout", "7", "DE")]
    assert frame_of(batch, "other_event_tags").select("key", "value").rows() == [("browser", "Firefox")]
    details = frame_of(batch, "event_details").to_dicts()[0]
    assert str(details["date_created"]) == str(details["end_timestamp"]) == "2026-11-01 10:00:01.500000"
    assert frame_of(batch, "event_measurements").select("name", "value", "unit").rows() == [
        ("lcp", 1.5, "millisecond"),
        ("fid", 3.0, None),
    ]
    (span,) = frame_of(batch, "event_spans").to_dicts()
    assert (span["tags"], str(span["start_timestamp"])) == ('{"a":1}', "2026-11-01 10:00:00.500000")


@pytest.mark.parametrize("place", ["frames", "values", "entry"])
def test_null_elements_are_passed_over(read: Read, place: str) -> None:
    values: list[Any] = [{"type": "A", "stacktrace": stack("a")}]
    made = [entry("exception", {"values": values})]
    {"frames": values[0]["stacktrace"]["frames"], "values": values, "entry": made}[place].append(None)
    batch = read(as_json([event(entries=made)]))
    assert frame_of(batch, "event_frames")["function"].to_list() == ["a"]
    assert not batch.rejects


def test_an_event_is_one_however_its_id_is_written(read: Read) -> None:
    dashed, plain = "0123ABCD-0123-4567-89ab-0123456789ab", "0123ABCD0123456789ab0123456789ab"
    crumb = entry("breadcrumbs", {"values": [{"message": "m", "event_id": dashed}]})
    bodies = [event(id=id_, eventID=id_, entries=[crumb], tags=[]) for id_ in (dashed, plain, "a-b")]
    batch = read(as_json(bodies))
    for table in ("events", "event_details", "event_breadcrumbs"):
        assert frame_of(batch, table)["event_id"].to_list() == [plain, "a-b"], table
    assert set(frame_of(batch, "event_breadcrumbs")["breadcrumb_event_id"]) == {plain}

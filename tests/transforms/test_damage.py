"""Events of any shape: no crash, no event lost, what does not fit is told, others are not touched."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from full_events import CONTEXT, LATEST, Read, as_json, entry, event, frame_of, payload_events, stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.frames import Batch
from transforms.records import RecordReader

DEEP: Any = 1
for _ in range(200):
    DEEP = {"d": DEEP}

NASTY = st.sampled_from(
    [
        *(None, True, 0, -1, 2**63, -(2**63) - 1, 2**70, 10**400, 1.5, 1e-300, -0.0, 1e308),
        *(
            float("nan"),
            float("inf"),
            "",
            "x",
            "1",
            "NaN",
            "\0",
            "\ud800",
            "\udfff x",
            "ü😀\u2028",
            "a" * 5000,
        ),
        *([], {}, [None], [[]], [{}], {"": None}, {"a": {"b": []}}, ["x", 1, None], {"type": "os"}, DEEP),
        *("2026-11-01T10:00:00Z", "0000-00-00", 1_793_527_200, 1_793_527_200.5),
    ]
).map(copy.deepcopy)
NAMES = st.sampled_from(
    [
        "type",
        "data",
        "values",
        "frames",
        "brandNew",
        "",
        "a/b",
        "a[b]",
        "*",
        "é",
        'quo"te',
        "\0",
        "\ud800",
        "x" * 999,
    ]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value below."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@st.composite
def damaged(draw: st.DrawFn, sound: dict[str, Any]) -> dict[str, Any]:
    """The event with values replaced, removed, doubled or new, anywhere in it; its id stays."""
    made = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(list(places(made))))
        if container is made and key in ("id", "eventID"):
            continue
        what = draw(st.sampled_from(["replace", "remove", "double", "new"]))
        if what == "replace":
            container[key] = draw(NASTY)
        elif what == "remove":
            del container[key]
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]) if what == "double" else draw(NASTY))
        elif container is not made or what == "new":
            container[draw(NAMES)] = draw(NASTY)
    return made | {"id": sound["id"], "eventID": sound["eventID"]}


def of_others(batch: Batch, event_id: str) -> dict[str, list[dict[str, Any]]]:
    return {t.name: f.filter(pl.col("event_id") != event_id).to_dicts() for t, f in batch.frames.items()}


SOUND = payload_events()
READER = RecordReader(LATEST.tables, LATEST.ignored)
ALONE = {one["eventID"]: of_others(READER.read([as_json(SOUND)], CONTEXT), one["eventID"]) for one in SOUND}


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_stays_in_the_event(data: st.DataObject) -> None:
    sound = data.draw(st.sampled_from(SOUND))
    made = data.draw(damaged(sound))
    page = [made if one is sound else one for one in SOUND]
    batch = RecordReader(LATEST.tables, LATEST.ignored).read([as_json(page)], CONTEXT)
    assert batch.records == len(page)
    assert sorted(frame_of(batch, "event_details")["event_id"]) == sorted(e["eventID"] for e in page)
    assert of_others(batch, sound["eventID"]) == ALONE[sound["eventID"]]
    for table, frame in batch.frames.items():
        assert not frame.select(table.key).is_duplicated().any()
        assert not any(frame[key].null_count() for key in table.key)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(NASTY, st.sampled_from(["lineNo", "function", "inApp", "vars"]))
def test_a_value_of_a_frame_is_stored_or_told(value: Any, field: str) -> None:
    frames = [{"function": "before"}, {"function": "own", field: value}, {"function": "after"}]
    one = event(entries=[entry("exception", {"values": [{"stacktrace": {"frames": frames}}]})])
    batch = RecordReader(LATEST.tables, LATEST.ignored).read([as_json([one])], CONTEXT)
    rows = frame_of(batch, "event_frames")
    assert rows.height == 3
    assert rows["function"][0], rows["function"][2] == ("before", "after")
    column = {"lineNo": "line_no", "inApp": "in_app"}.get(field, field)
    assert value is None or rows[column][1] is not None or batch.rejects or batch.drift


def test_what_does_not_fit_is_named_with_its_place(read: Read) -> None:
    frames = [{"function": "a", "lineNo": 2**64, "wings": 2}, {"function": 5}]
    one = event(entries=[entry("exception", {"values": [{"stacktrace": {"frames": frames}}]})])
    batch = read(as_json([one]))
    place = "entries[exception]/data/values/stacktrace/frames"
    assert {(d.path, d.kind, d.found) for d in batch.drift} == {
        (f"{place}/lineNo", "type", "integer"),
        (f"{place}/function", "type", "integer"),
        (f"{place}/wings", "new", "integer"),
    }
    (reject,) = batch.rejects
    assert (reject.record, reject.path, reject.value) == ("a" * 32, f"{place}/lineNo", str(2**64))
    assert frame_of(batch, "event_frames")["function"].to_list() == ["a", "5"]


def test_so_many_new_fields_are_names(read: Read) -> None:
    one = event(sdk={"name": "n"}, unheard={}, groupingConfig=None, crashFile=None)
    many = {f"field{i}": i for i in range(5_000)}
    batch = read(as_json([one | {"entries": [entry("request", {"method": "GET", **many})]}]))
    assert len(batch.drift) == 2
    assert frame_of(batch, "event_requests")["method"].to_list() == ["GET"]


def test_a_reader_learns_once(read: Read) -> None:
    reader = RecordReader(LATEST.tables, LATEST.ignored)
    page = as_json([event(brandNew=1)])
    assert reader.read([page], CONTEXT).drift
    assert not reader.read([page], CONTEXT).drift


def test_the_last_of_doubled_keys_counts(read: Read) -> None:
    body = as_json([event()])[:-2] + b',"dist":"1","dist":"2","contexts":{"os":{"name":"a","name":"b"}}}]'
    batch = read(body)
    assert frame_of(batch, "event_details")["dist"].to_list() == ["2"]
    assert frame_of(batch, "event_contexts")["name"].to_list() == ["b"]


@pytest.mark.parametrize("deep", [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000])
@pytest.mark.parametrize("place", ["vars", "context", "contexts"])
def test_depth_is_kept_as_text(read: Read, deep: bytes, place: str) -> None:
    one = event(
        entries=[
            entry("exception", {"values": [{"stacktrace": {"frames": [{"function": "f", "vars": "@"}]}}]})
        ],
        context={"k": "@"},
        contexts={"odd": {"k": "@"}},
    )
    body = as_json([one, event(id="b" * 32, eventID="b" * 32)])
    parts = {"vars": b'"vars":"@"', "context": b'"context":{"k":"@"}', "contexts": b'"odd":{"k":"@"}'}
    body = body.replace(parts[place], parts[place].replace(b'"@"', deep))
    batch = read(body)
    assert frame_of(batch, "event_details").height == 2
    assert frame_of(batch, "event_frames").height == 1
    assert {d.path: d.kind for d in batch.drift} == {"": "repaired"}


@pytest.mark.parametrize(
    "bad", [b"NaN", b"-Infinity", b"1e400", b'"\\ud800"', b'"\xff"', b'"\x07"', b'"\\u0000"']
)
def test_odd_values_cost_nothing_else(read: Read, bad: bytes) -> None:
    body = as_json([event(context={"k": "@"}, dist="7"), event(id="b" * 32, eventID="b" * 32)])
    batch = read(body.replace(b'"@"', bad))
    assert frame_of(batch, "event_details")["dist"].to_list() == ["7", None]
    assert not batch.rejects


def test_an_event_of_20_megabytes(read: Read) -> None:
    frames = [{"function": f"f{i}", "lineNo": i, "vars": {"v": "x" * 990}} for i in range(19_000)]
    one = event(entries=[entry("exception", {"values": [{"stacktrace": {"frames": frames}}]})])
    body = as_json([one, event(id="b" * 32, eventID="b" * 32)])
    assert len(body) > 19_000_000
    batch = read(body)
    assert frame_of(batch, "event_frames").height == 19_000
    assert json.loads(frame_of(batch, "event_frames")["vars"][18_999]) == {"v": "x" * 990}


def test_what_is_no_event_is_told(read: Read) -> None:
    batch = read(as_json([event(), "text", None, 5, [], {}]))
    assert batch.records == 6
    assert frame_of(batch, "event_details").height == 1
    assert len(batch.rejects) >= 4
    assert frame_of(
        read(as_json([event(entries=[entry("exception", {"values": [stack("f")]})])])), "events"
    ).height


@pytest.mark.parametrize("entries", [None, {}, "x", 5, [None], ["x"], [[]], [{}], [{"type": "exception"}]])
def test_entries_of_any_shape(read: Read, entries: Any) -> None:
    batch = read(as_json([event(entries=entries)]))
    assert frame_of(batch, "event_details").height == 1
    assert entries in (None, [None], [{"type": "exception"}]) or batch.drift


@pytest.mark.parametrize("entries", [{"d": 1}, {"exception": {"d": {"e": 1}}}, [{"d": 1}, {"type": "d"}]])
def test_what_can_not_be_learnt_is_read_all_the_same(read: Read, entries: Any) -> None:
    batch = read(as_json([event(entries=entries)]), as_json([event(eventID="b" * 32, id="b" * 32)]))
    assert batch.records == 2
    assert frame_of(batch, "event_details").height == 2
    assert batch.drift

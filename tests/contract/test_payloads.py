"""Every stream reads its payloads whole: exact schemas, no field unheard of, loaded twice as loaded once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.cases import CASES, CONTEXT, PAYLOADS, TABLES, Case, as_page, check_frames
from extractors.archive import Page
from extractors.stream import all_streams
from extractors.streams.discover import DEFAULT_QUERIES
from flows.loading import Loader
from transforms.frames import polars_schema
from transforms.repair import Unreadable
from warehouse.schema import history_table
from warehouse.store import Store

REQUESTS = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
RECORDS = pytest.mark.parametrize(
    "case", [c for c in CASES if c.request.shape == "records"], ids=lambda c: c.name
)
EMPTY = {
    "records": b"[]",
    "series": b'{"start": "", "end": "", "intervals": [], "groups": []}',
    "discover": b'{"data": [], "meta": {"fields": {}}}',
}


@REQUESTS
def test_there_is_a_payload(case: Case) -> None:
    assert case.payloads(), f"compose tests/payloads/{case.name}.json: an answer with made-up values"


def test_every_payload_belongs_to_a_request() -> None:
    assert {p for case in CASES for p in case.payloads()} == set(PAYLOADS.glob("*.json"))


@REQUESTS
def test_frames_have_the_declared_schema(case: Case) -> None:
    batch = case.read(case.bodies())
    check_frames(case, batch)
    for table, frame in batch.frames.items():
        assert frame.schema == polars_schema(table)


@REQUESTS
@pytest.mark.parametrize("pages", [0, 1, 2])
def test_frames_of_empty_answers_have_it_too(case: Case, pages: int) -> None:
    batch = case.read([EMPTY[case.request.shape]] * pages)
    check_frames(case, batch)
    assert all(frame.is_empty() for frame in batch.frames.values())
    assert all(frame.schema == polars_schema(table) for table, frame in batch.frames.items())
    assert (batch.records, batch.drift, batch.rejects) == (0, set(), [])


@REQUESTS
def test_every_field_is_used_or_left_out_by_name(case: Case) -> None:
    batch = case.read(case.bodies())
    assert batch.drift == set()
    assert batch.rejects == []
    assert batch.complaint == ""


@pytest.mark.parametrize("name", sorted(t.name for t in TABLES))
def test_every_column_is_filled_by_some_payload(name: str) -> None:
    """A column that no payload fills says nothing about its place: a typing mistake would go unseen."""
    filled: set[str] = set()
    for case in CASES:
        if name in {t.name for t in case.request.tables}:
            frames = case.read(case.bodies()).frames
            frame = next(f for t, f in frames.items() if t.name == name)
            filled |= {n for n in frame.columns if frame[n].null_count() < frame.height}
    (table,) = [t for t in TABLES if t.name == name]
    assert [n for n in table.names if n not in filled] == []


@RECORDS
def test_every_record_becomes_a_row(case: Case) -> None:
    records = case.records()
    batch = case.read(case.bodies())
    assert batch.records == len(records)
    assert batch.frames[case.request.tables[0]].height == len(case.stored(records))


@REQUESTS
def test_no_page_is_read_into_a_row_twice(case: Case) -> None:
    once, twice = case.read(case.bodies()), case.read(case.bodies() * 2)
    for (table, frame), again in zip(once.frames.items(), twice.frames.values(), strict=True):
        assert frame.sort(table.key).equals(again.sort(table.key))


@REQUESTS
@pytest.mark.parametrize(
    "body", [b"", b"oops", b"<html>", b'"text"', b"3", b"null", b"[", b"\xff\xfe", b'{"detail": 1}']
)
def test_what_is_no_such_answer_is_unreadable(case: Case, body: bytes) -> None:
    with pytest.raises(Unreadable):
        case.read([body])


@REQUESTS
def test_loaded_twice_is_loaded_once(case: Case, tmp_path: Path) -> None:
    streams = {s.name: s for s in all_streams()}
    with Store(tmp_path / "warehouse.duckdb") as store:
        loader = Loader(store, streams, DEFAULT_QUERIES)
        with store.transaction():
            for table in TABLES:
                store.fit(table)
        _commit(loader, case, CONTEXT["_loaded_at"])
        once = _contents(store, case)
        for later in (timedelta(0), timedelta(days=1)):
            _commit(loader, case, CONTEXT["_loaded_at"] + later)
            assert _contents(store, case) == once
        assert any(once.values())
        assert store.rows("from meta.drift") == []
        assert store.rows("from meta.rejects") == []


def test_a_value_of_30_megabytes_is_loaded(tmp_path: Path) -> None:
    """DuckDB's usual memory does not suffice for it."""
    (case,) = [c for c in CASES if c.name == "events_full"]
    body = as_page(case, [case.records()[0] | {"context": {"big": "x" * 30_000_000}}])
    with Store(tmp_path / "warehouse.duckdb") as store:
        loader = Loader(store, {s.name: s for s in all_streams()}, DEFAULT_QUERIES)
        for _ in range(2):
            _commit(loader, case, CONTEXT["_loaded_at"], [body])
        assert store.rows("select length(extra) > 30_000_000 from event_details") == [(True,)]


def test_many_large_values_in_a_row_are_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """DuckDB holds 2,048 values of a column at once, in a commit and in a checkpoint, also of a later run."""
    (case,) = [c for c in CASES if c.name == "events_full"]
    record = case.records()[0] | {"context": {"big": "x" * 300_000}}
    for night in range(3):
        caplog.clear()
        with caplog.at_level("INFO"), Store(tmp_path / "warehouse.duckdb", memory_limit="60MB") as store:
            loader = Loader(store, {s.name: s for s in all_streams()}, DEFAULT_QUERIES)
            for hour in range(4):
                ids = [f"{night}{hour}{n:030x}" for n in range(20)]
                body = as_page(case, [record | {"id": i, "eventID": i} for i in ids])
                _commit(loader, case, CONTEXT["_loaded_at"] + timedelta(days=night, hours=hour), [body])
            found = store.rows("select count(*), count(distinct event_id) from event_details")
        assert found == [(80 * (night + 1),) * 2]
    assert "loading does not fit into 60MB of memory" in caplog.text


def _commit(loader: Loader, case: Case, loaded_at: datetime, bodies: Sequence[bytes] = ()) -> None:
    pages = [
        Page(
            run_id=f"{loaded_at:%Y%m%dT%H%M%S}-contract",
            slice_id="slice",
            stream=case.stream.name,
            request=case.request.name,
            organization_id=str(CONTEXT["organization_id"]),
            project_id=str(CONTEXT["project_id"]),
            window_start=datetime(2026, 11, 1),
            window_end=datetime(2026, 11, 2),
            interval_seconds=3600,
            path=case.request.path,
            parameters="[]",
            item=_item(body) if case.request.worklist else "",
            status=200,
            fetched_at=loaded_at,
            loaded_at=loaded_at,
            first=number == 0,
            body=body,
        )
        for number, body in enumerate(bodies or case.bodies())
    ]
    loader.commit(pages, f"{case.name}/{loaded_at:%Y%m%d}.parquet")


def _item(body: bytes) -> str:
    found = json.loads(body)
    return str(found[0]["id"]) if isinstance(found, list) else ""


def _contents(store: Store, case: Case) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables hold, without where it came from and when that was noticed."""
    histories = [history_table(t) for t in case.request.tables if t.history]
    found = {}
    for table in (*case.request.tables, *histories):
        noticed = ", ".join(["_run_id", "_loaded_at", *(c.name for c in table.marks)])
        found[table.name] = store.rows(f"select * exclude ({noticed}) from {table.full_name} order by all")
    return found

"""When a run is taken up again, and when its windows count as loaded: by what stands in the bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from warehouse import state
from warehouse.store import Store

NOW = datetime(2026, 11, 28, 3)
SCOPE = ("events", "", "1", "7")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "w.duckdb") as opened:
        yield opened


def begin(
    store: Store, run_id: str, *, command: str = "export", ago: timedelta = HOUR, asks: str = "a"
) -> None:
    row = {"run_id": run_id, "command": command, "as_of": NOW - ago, "started_at": NOW - ago}
    state.begin_run(store, row, asks)


def statuses(store: Store) -> dict[str, str]:
    return dict(store.rows("select run_id, status from meta.runs"))


def slice_row(slice_id: str, project_id: str = "7", **more: Any) -> dict[str, Any]:
    return {
        "slice_id": slice_id,
        "stream": "events",
        "request": "",
        "organization_id": "1",
        "project_id": project_id,
        "window_start": NOW - 24 * HOUR,
        "window_end": NOW,
        **more,
    }


def finish(store: Store, run_id: str, slice_id: str, status: str, project_id: str = "7", **how: Any) -> None:
    with store.transaction():
        state.finish_slice(store, run_id, slice_row(slice_id, project_id, status=status), **how)


def test_a_run_that_was_cut_off_is_taken_up_once(store: Store) -> None:
    begin(store, "r1", ago=3 * HOUR)
    begin(store, "r2", ago=2 * HOUR)
    found = state.take_up(store, NOW, "export", "a")
    assert found == state.OpenRun("r2", NOW - 2 * HOUR)
    assert statuses(store) == {"r1": "failed", "r2": "running"}
    state.end_run(store, "r2", status="complete")
    assert state.take_up(store, NOW, "export", "a") is None
    assert store.rows("select name from meta.settings where starts_with(name, 'asks')") == []


@pytest.mark.parametrize(
    ("ago", "asks", "taken"), [(11 * HOUR, "a", True), (13 * HOUR, "a", False), (HOUR, "b", False)]
)
def test_a_run_that_is_old_or_asked_for_something_else_is_not(
    store: Store, ago: timedelta, asks: str, taken: bool
) -> None:
    begin(store, "r1", ago=ago, asks=asks)
    assert (state.take_up(store, NOW, "export", "a") is not None) is taken
    assert statuses(store) == {"r1": "running" if taken else "failed"}


def test_a_backfill_that_was_cut_off_waits_for_its_like(store: Store) -> None:
    begin(store, "r1", command="backfill")
    begin(store, "r2", command="backfill", ago=13 * HOUR)
    assert state.take_up(store, NOW, "export", "a") is None
    assert statuses(store) == {"r1": "running", "r2": "failed"}
    found = state.take_up(store, NOW, "backfill", "a")
    assert found is not None
    assert found.run_id == "r1"


def test_a_watermark_moves_when_the_last_slice_of_its_scope_is_whole(store: Store) -> None:
    begin(store, "r1")
    state.save_plan(store, "r1", [slice_row("s1"), slice_row("s2"), slice_row("s3", "8")])
    finish(store, "r1", "s1", "complete")
    assert state.watermarks(store) == {}
    finish(store, "r1", "s2", "sampled")
    assert state.watermarks(store) == {SCOPE: NOW - HOUR}


@pytest.mark.parametrize("status", ["partial", "failed", "forbidden", "gone", "capped"])
def test_a_watermark_stays_where_a_slice_is_not_whole(store: Store, status: str) -> None:
    begin(store, "r1")
    state.save_plan(store, "r1", [slice_row("s1"), slice_row("s2")])
    finish(store, "r1", "s1", status)
    finish(store, "r1", "s2", "complete")
    assert state.watermarks(store) == {}
    finish(store, "r1", "s1", "complete")  # asked once more
    assert state.watermarks(store) == {SCOPE: NOW - HOUR}


def test_a_slice_that_gave_way_to_smaller_ones_counts_no_more(store: Store) -> None:
    begin(store, "r1")
    state.save_plan(store, "r1", [slice_row("s1")])
    with store.transaction():
        state.add_slices(store, "r1", [slice_row("s1.1"), slice_row("s1.2")])
    finish(store, "r1", "s1", "complete", state="split")
    finish(store, "r1", "s1.1", "complete")
    assert state.watermarks(store) == {}
    finish(store, "r1", "s1.2", "complete")
    assert state.watermarks(store) == {SCOPE: NOW - HOUR}
    assert store.rows("select slice_id from meta.coverage order by all") == [("s1.1",), ("s1.2",)]


def test_backfills_and_items_move_no_watermark(store: Store) -> None:
    begin(store, "r1", command="backfill")
    state.save_plan(store, "r1", [slice_row("s1")])
    finish(store, "r1", "s1", "complete")
    begin(store, "r2")
    state.save_plan(store, "r2", [slice_row("s1")])
    finish(store, "r2", "s1", "complete", moves_watermark=False)
    assert state.watermarks(store) == {}


def test_open_slices_come_back_as_they_were_planned(store: Store) -> None:
    begin(store, "r1")
    state.save_plan(store, "r1", [slice_row("s2"), slice_row("s1", items=("5", "6"))])
    with store.transaction():
        state.add_slices(store, "r1", [slice_row("s0")])
        state.move_page_cursor(store, "r1", "s1", "0:100:0")
    finish(store, "r1", "s0", "complete")
    found = [(row["items"], row["page_cursor"]) for row in state.open_slices(store, "r1")]
    assert found == [(None, ""), (("5", "6"), "0:100:0")]
    assert state.items_asked(store, "r1") == {("events", ""): {("1", "5"), ("1", "6")}}

"""Frames into tables: by key, keeping what a null must not replace; no frame outlives its load."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.frames import polars_schema
from warehouse.load import load
from warehouse.schema import Column, Table, Type
from warehouse.store import Store

AT = datetime(2026, 11, 2, 3)
PARENT = Table(
    "parents",
    "One row per parent.",
    ("id",),
    (
        Column("id", Type.VARCHAR, "Id.", "id"),
        Column("level", Type.VARCHAR, "Level.", "level", keep=True),
        Column("title", Type.VARCHAR, "Title.", "title"),
    ),
)
CHILD = Table(
    "children",
    "One row per child.",
    ("id", "position"),
    (Column("id", Type.VARCHAR, "Id.", "id"), Column("position", Type.BIGINT, "Place.", "position")),
    parent="parents",
)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "w.duckdb") as opened:
        yield opened


DATE = Column("date_created", Type.TIMESTAMP, "When it was.", "dateCreated")
DATED = replace(PARENT, name="dated", columns=(*PARENT.columns, DATE))
DATED_CHILD = replace(CHILD, name="dated_children", columns=(*CHILD.columns, DATE), parent="dated")


def frame(table: Table, rows: list[tuple]) -> pl.DataFrame:
    """Rows of a table with its provenance."""
    return pl.DataFrame([("1", *row, "run", AT) for row in rows], schema=polars_schema(table), orient="row")


def put(store: Store, parents: list[tuple], children: list[tuple]) -> None:
    """One load of both tables."""
    frames = {PARENT: frame(PARENT, parents), CHILD: frame(CHILD, children)}
    with store.transaction():
        load(store, frames, seen_at=AT)


def stored(store: Store, table: Table) -> list[tuple]:
    """The declared columns of all rows."""
    names = ", ".join(c.name for c in table.columns)
    return store.rows(f"select {names} from {table.full_name} order by all")


def test_new_known_and_mixed_rows(store: Store):
    put(store, [("a", "error", "A"), ("b", None, "B")], [("a", 0), ("a", 1), ("b", 0)])
    put(store, [("c", "info", "C")], [("c", 0)])
    put(store, [("a", None, "A2"), ("d", None, "D")], [("a", 0)])
    assert stored(store, PARENT) == [
        ("a", "error", "A2"),
        ("b", None, "B"),
        ("c", "info", "C"),
        ("d", None, "D"),
    ]
    assert stored(store, CHILD) == [("a", 0), ("b", 0), ("c", 0)]


def test_children_of_a_parent_without_any_go(store: Store):
    put(store, [("a", "error", "A")], [("a", 0), ("a", 1)])
    put(store, [("a", "error", "A")], [])
    assert stored(store, CHILD) == []


def test_frames_of_equal_and_other_schemas_by_turns(store: Store):
    a, b = pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": ["p"]})
    with store.frame(a) as first, store.frame(b) as other:
        assert store.rows(f"select x from {first} order by x") == [(1,), (2,)]
        assert store.rows(f"select x from {other}") == [("p",)]
    with store.frame(a + 10) as again:
        assert again == first
        assert store.rows(f"select x from {again} order by x") == [(11,), (12,)]
    assert store.rows(f"select count(*) from {first}") == [(0,)]


def test_frames_are_seen_after_a_load_that_failed(store: Store):
    a, b = pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": ["p"]})
    with pytest.raises(RuntimeError), store.transaction(), store.frame(a):
        raise RuntimeError
    with store.transaction(), store.frame(b) as name, store.frame(a) as other:
        assert store.rows(f"select x from {name}") == [("p",)]
        assert store.rows(f"select count(*) from {other}") == [(2,)]


def test_no_frame_outlives_its_load(store: Store):
    class Watched:
        """A frame that can be looked for."""

        def __init__(self, inner: pl.DataFrame) -> None:
            self.inner, self.schema, self.clear = inner, inner.schema, inner.clear

        def __len__(self) -> int:
            return len(self.inner)

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.inner.__arrow_c_stream__(requested_schema)

    watched = Watched(frame(PARENT, [("a", "error", "A")]))
    gone = weakref.ref(watched)
    with store.transaction():
        load(store, {PARENT: watched}, seen_at=AT)
    del watched
    gc.collect()
    assert gone() is None
    assert stored(store, PARENT) == [("a", "error", "A")]


ids = st.sampled_from("abcd")
days = st.none() | st.integers(0, 3)
loads = st.lists(
    st.tuples(st.dictionaries(ids, st.tuples(days, st.integers(0, 2))), st.booleans()), max_size=6
)


@given(loads)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_children_are_replaced_whatever_the_times_of_their_parents(store: Store, steps: list) -> None:
    parents: dict = {}
    children: dict = {}
    for table in (DATED, DATED_CHILD):
        store.fit(table)
        store.connection.execute(f"delete from {table.full_name}")
    for rows, with_children in steps:
        dated = {i: None if day is None else AT + timedelta(days=day) for i, (day, _) in rows.items()}
        frames = {DATED: frame(DATED, [(i, None, None, date) for i, date in dated.items()])}
        parents |= dated
        if with_children:
            new = {(i, n): dated[i] for i, (_, count) in rows.items() for n in range(count)}
            frames[DATED_CHILD] = frame(DATED_CHILD, [(*key, date) for key, date in new.items()])
            children = {key: date for key, date in children.items() if key[0] not in rows} | new
        with store.transaction():
            load(store, frames, seen_at=AT)
    assert {i: date for i, _, _, date in stored(store, DATED)} == parents
    assert len(stored(store, DATED_CHILD)) == len(children)
    assert {row[:2]: row[2] for row in stored(store, DATED_CHILD)} == children

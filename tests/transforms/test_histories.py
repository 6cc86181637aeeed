"""What a load leaves behind: states with their times, and in place of a scope's intervals the new ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractors.streams.issues import ISSUES
from extractors.streams.outcomes import OUTCOMES
from transforms.frames import polars_schema
from warehouse.load import Clear, load
from warehouse.marks import follow_merges, mark_deleted, mark_merged
from warehouse.schema import Table
from warehouse.store import Store

HOUR = timedelta(hours=1)
DAY = datetime(2026, 11, 1)
NIGHTS = [datetime(2026, 11, night, 3) for night in range(1, 9)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "w.duckdb") as opened:
        yield opened


def frame(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = polars_schema(table)
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


def see(store: Store, at: datetime, **states: str) -> None:
    """A sweep that showed these issues, of two organizations with the same ids."""
    rows = [
        {"organization_id": organization, "issue_id": issue, "project_id": "7", "status": status}
        for organization in ("1", "2")
        for issue, status in states.items()
    ]
    with store.transaction():
        load(store, {ISSUES: frame(ISSUES, rows)}, seen_at=at)


def history(store: Store, issue: str, organization: str = "1") -> list[tuple[str, int, int | None]]:
    """State, and the days of November from and to which it was seen."""
    return store.rows(
        "select status, day(valid_from), day(valid_to) from issue_history "
        "where organization_id = ? and issue_id = ? order by valid_from",
        [organization, issue],
    )


def test_each_state_is_there_once_with_the_time_it_was_seen(store: Store) -> None:
    for night, status in zip(NIGHTS, ("unresolved", "unresolved", "resolved", "unresolved"), strict=False):
        see(store, night, a=status, b="ignored")
    for organization in ("1", "2"):
        assert history(store, "a", organization) == [
            ("unresolved", 1, 3),
            ("resolved", 3, 4),
            ("unresolved", 4, None),
        ]
        assert history(store, "b", organization) == [("ignored", 1, None)]


def test_an_issue_that_a_sweep_does_not_show_keeps_its_state(store: Store) -> None:
    see(store, NIGHTS[0], a="unresolved", b="unresolved")
    see(store, NIGHTS[1], b="resolved")
    assert history(store, "a") == [("unresolved", 1, None)]


def test_a_deleted_issue_ends_and_its_twin_elsewhere_does_not(store: Store) -> None:
    see(store, NIGHTS[0], a="unresolved")
    for night in NIGHTS[1:3]:
        with store.transaction():
            mark_deleted(store, "1", "a", night)
    assert history(store, "a") == [("unresolved", 1, 2)]
    assert history(store, "a", "2") == [("unresolved", 1, None)]
    assert store.rows("select organization_id, day(deleted_at) from issues order by all") == [
        ("1", 2),
        ("2", None),
    ]


def test_merges_are_followed_to_the_last_issue(store: Store) -> None:
    from extractors.streams.events import EVENTS

    see(store, NIGHTS[0], a="unresolved", b="unresolved", c="unresolved")
    events = [
        {"organization_id": organization, "event_id": organization + issue, "issue_id": issue}
        for organization in ("1", "2")
        for issue in "abc"
    ]
    with store.transaction():
        load(store, {EVENTS: frame(EVENTS, events)}, seen_at=NIGHTS[0])
        mark_merged(store, "1", "a", "b", NIGHTS[1])
        mark_merged(store, "1", "b", "c", NIGHTS[2])
    merged = "select issue_id, merged_into_issue_id from issues where organization_id = ? order by all"
    assert store.rows(merged, ["1"]) == [("a", "c"), ("b", "c"), ("c", None)]
    assert store.rows(merged, ["2"]) == [("a", None), ("b", None), ("c", None)]
    assert history(store, "a") == [("unresolved", 1, 2)]
    belongs = "select organization_id, event_id, issue_id from events order by all"
    expected = [("1", "1a", "c"), ("1", "1b", "c"), ("1", "1c", "c")] + [
        ("2", "2" + issue, issue) for issue in "abc"
    ]
    assert store.rows(belongs) == expected
    with store.transaction():
        load(store, {EVENTS: frame(EVENTS, events)}, seen_at=NIGHTS[3])
        follow_merges(store)
    assert store.rows(belongs) == expected


def counts(
    project: str, first: int, last: int, organization: str = "1", quantity: int = 1
) -> list[dict[str, Any]]:
    """A row for each hour from the first up to the last."""
    key = {"organization_id": organization, "project_id": project, "category": "error", "outcome": "accepted"}
    return [
        {**key, "reason": "", "interval_start": DAY + hour * HOUR, "quantity": quantity}
        for hour in range(first, last)
    ]


def test_intervals_of_a_scope_make_way_and_no_others(store: Store) -> None:
    given = counts("7", 0, 6) + counts("8", 0, 6) + counts("7", 0, 6, organization="2")
    clear = Clear("1", "7", DAY + 2 * HOUR, DAY + 4 * HOUR)
    with store.transaction():
        load(store, {OUTCOMES: frame(OUTCOMES, given)}, seen_at=DAY)
        load(store, {OUTCOMES: frame(OUTCOMES, counts("7", 3, 4, quantity=9))}, seen_at=DAY, clear=clear)
    found = store.rows(
        "select organization_id, project_id, hour(interval_start), quantity from outcomes order by all"
    )
    assert found == [
        ("1", "7", 0, 1),
        ("1", "7", 1, 1),
        ("1", "7", 3, 9),
        ("1", "7", 4, 1),
        ("1", "7", 5, 1),
        *(("1", "8", hour, 1) for hour in range(6)),
        *(("2", "7", hour, 1) for hour in range(6)),
    ]


def test_rows_of_owners_that_are_kept_do_not_make_way(store: Store) -> None:
    clear = Clear("1", "", DAY, DAY + HOUR, keep=("project_id", ["8"]))
    with store.transaction():
        for project in ("7", "8"):
            load(store, {OUTCOMES: frame(OUTCOMES, counts(project, 0, 2))}, seen_at=DAY)
        load(store, {OUTCOMES: frame(OUTCOMES, [])}, seen_at=DAY, clear=clear)
    found = store.rows("select project_id, hour(interval_start) from outcomes order by all")
    assert found == [("7", 1), ("8", 0), ("8", 1)]


def test_nothing_in_an_answer_leaves_nothing_of_its_intervals(store: Store) -> None:
    with store.transaction():
        load(store, {OUTCOMES: frame(OUTCOMES, counts("7", 0, 3))}, seen_at=DAY)
        load(store, {OUTCOMES: frame(OUTCOMES, [])}, seen_at=DAY, clear=Clear("1", "7", DAY, DAY + 2 * HOUR))
    assert store.rows("select hour(interval_start) from outcomes") == [(2,)]


def test_a_column_that_is_new_or_of_another_type_finds_its_place(store: Store) -> None:
    from dataclasses import replace

    from warehouse.schema import Column, Type

    def table(type_: Type, *more: Column) -> Table:
        return replace(OUTCOMES, name="made", columns=(Column("x", type_, "X.", "x"), *more), key=("x",))

    with store.transaction():
        assert store.fit(table(Type.BIGINT)) == []
        assert store.fit(table(Type.BIGINT, Column("y", Type.VARCHAR, "Y.", "y"))) == ["y"]
        store.fit(table(Type.DOUBLE))
    assert store.columns(table(Type.DOUBLE))["x"] == "DOUBLE"
    with store.transaction():
        store.fit(table(Type.BIGINT))
        assert store.columns(table(Type.BIGINT))["x"] == "DOUBLE"
        store.fit(table(Type.BOOLEAN))
    assert store.columns(table(Type.BOOLEAN))["x"] == "VARCHAR"
    assert store.rows(
        "select comment from duckdb_columns() where table_name = 'made' and column_name = 'x'"
    ) == [("X.",)]

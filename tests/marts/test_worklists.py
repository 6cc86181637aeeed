"""What is asked for one by one, or read again: by golden rows, among them the same ids of another organization."""
# ruff: noqa: E501 (golden rows are tables)

from __future__ import annotations

from typing import Any

import duckdb
from golden import Given

from warehouse.worklist import sql_of

LISTED = "run_id | slice_id | stream | request | organization_id | project_id | window_start | window_end | status | finished_at"


def items(connection: duckdb.DuckDBPyConnection, name: str, run_id: str = "r9") -> list[tuple[Any, ...]]:
    """organization_id, project_id and item of a worklist's rows."""
    sql = sql_of(name)
    values: dict[str, Any] = {"run_id": run_id} | ({"everything": False} if "$everything" in sql else {})
    return [tuple(map(str, row[:3])) for row in connection.execute(sql, values).fetchall()]


def test_days_that_are_short_are_read_again_once_and_then_once_a_week(
    connection: duckdb.DuckDBPyConnection, given: Given
) -> None:
    days = {
        # day: Sentry's count, events stored, events listed in this run
        1: (3, 2, 0),  # short, and new
        2: (2, 2, 0),  # whole
        3: (3, 2, 0),  # as short as the audit before found it, read again three days ago
        4: (3, 2, 0),  # the same, read again two weeks ago
        5: (1, 2, 0),  # fewer than are stored, which is new
        6: (1, 2, 0),  # the same as before
        18: (3, 2, 2),  # short, though this run listed it twice
        19: (3, 1, 1),  # short, listed once
    }
    counts = "\n".join(
        f"10 | 2026-11-{day:02} | {count} | r9 | 2026-11-20 03:05" for day, (count, _, _) in days.items()
    )
    events = "\n".join(
        f"{day}-{n} | 10 | 2026-11-{day:02} 12:00 | {'r9' if n < listed else 'r1'}"
        for day, (_, stored, listed) in days.items()
        for n in range(stored)
    )
    given(f"""
        meta.runs
        run_id | command | as_of | started_at
        r9 | export | 2026-11-20 03:00 | 2026-11-20 03:00

        meta.coverage
        {LISTED} | expected | loaded
        r9 | s1 | events |       | 1 | 10 | 2026-11-18 | 2026-11-20 03:00 | complete | 2026-11-20 03:02 | - | -
        r9 | s2 | events |       | 1 | 10 | 2026-11-18 | 2026-11-19       | complete | 2026-11-20 03:04 | - | -
        r1 | s1 | events |       | 1 | 10 | 2026-11-01 | 2026-11-06       | complete | 2026-11-06 03:04 | - | -
        r2 | s1 | events |       | 1 | 10 | 2026-11-03 | 2026-11-04       | complete | 2026-11-17 03:04 | - | -
        r1 | a3 | events | audit | 1 | 10 | 2026-11-03 | 2026-11-04       | partial  | 2026-11-17 03:05 | 3 | 2
        r1 | a4 | events | audit | 1 | 10 | 2026-11-04 | 2026-11-05       | partial  | 2026-11-06 03:05 | 3 | 2
        r1 | a6 | events | audit | 1 | 10 | 2026-11-06 | 2026-11-07       | complete | 2026-11-08 03:05 | 1 | 2
        r1 | s1 | events |       | 2 | 10 | 2026-11-01 | 2026-11-20       | complete | 2026-11-19 03:04 | - | -

        event_counts
        project_id | day | event_count | _run_id | _loaded_at
        {counts}

        events
        event_id | project_id | date_created | _run_id
        {events}
    """)
    # of the other organization, whose events this run did not list, nothing is held against the count
    connection.execute(
        "insert into event_counts (organization_id, project_id, day, event_count, _run_id, _loaded_at) "
        "values ('2', '10', '2026-11-01', 9, 'r9', '2026-11-20 03:05')"
    )
    found = [item[:10] for organization, _, item in items(connection, "events_short") if organization == "1"]
    assert found == [f"2026-11-{day:02}" for day in (1, 4, 5, 19)]
    assert len(items(connection, "events_short")) == len(found)


def test_issues_that_a_sweep_should_have_shown(connection: duckdb.DuckDBPyConnection, given: Given) -> None:
    given(f"""
        meta.runs
        run_id | command | as_of | started_at
        r9 | export | 2026-11-20 03:00 | 2026-11-20 03:00

        meta.coverage
        {LISTED}
        r9 | s1 | issues | | 1 | 10 | 2026-08-22 | 2026-11-20 03:00 | complete | 2026-11-20 03:02
        r9 | s2 | issues | | 1 | 11 | 2026-08-22 | 2026-11-20 03:00 | partial  | 2026-11-20 03:02
        r9 | s1 | event_counts | | 1 | | 2026-08-22 | 2026-11-20 03:00 | complete | 2026-11-20 03:02
        r8 | u1 | issues | unknown | 1 | 10 | - | 2026-11-19 03:00 | complete | 2026-11-19 03:02
        r1 | u1 | issues | unknown | 1 | 10 | - | 2026-11-02 03:00 | complete | 2026-11-02 03:02

        meta.slices
        run_id | slice_id | stream | request | organization_id | items
        r8 | u1 | issues | unknown | 1 | ["asked lately"]
        r1 | u1 | issues | unknown | 1 | ["asked long ago"]

        event_counts
        project_id | day | event_count | _run_id | _loaded_at
        10 | 2026-10-01 | 1 | r9 | 2026-11-20 03:05

        issues
        organization_id | issue_id | project_id | last_seen | _run_id | deleted_at | merged_into_issue_id
        1 | seen         | 10 | 2026-11-19 | r9 | - | -
        1 | vanished     | 10 | 2026-11-18 | r8 | - | -
        1 | aged out     | 10 | 2026-09-30 | r8 | - | -
        1 | seen later   | 10 | 2026-11-21 | r8 | - | -
        1 | deleted      | 10 | 2026-11-18 | r8 | 2026-11-19 | -
        1 | merged       | 10 | 2026-11-18 | r8 | - | seen
        1 | not proven   | 11 | 2026-11-18 | r8 | - | -
        2 | of others    | 10 | 2026-11-18 | r8 | - | -

        events
        organization_id | event_id | issue_id | project_id | date_created | _run_id
        1 | e1 | never listed   | 10 | 2026-11-17 | r8
        1 | e2 | asked lately   | 10 | 2026-11-17 | r8
        1 | e3 | asked long ago | 10 | 2026-11-16 | r8
        1 | e4 | aged out       | 10 | 2026-11-15 | r8
        1 | e5 | too old        | 10 | 2026-09-15 | r8
        2 | e6 | never listed   | 10 | 2026-11-17 | r8
    """)
    # the last event of `aged out` is newer than its row says
    assert items(connection, "issues_vanished") == [("1", "10", "aged out"), ("1", "10", "vanished")]
    assert items(connection, "issues_unknown") == [("1", "10", "never listed"), ("1", "10", "asked long ago")]


def test_bodies_and_pages_are_asked_for_when_something_is_new(
    connection: duckdb.DuckDBPyConnection, given: Given
) -> None:
    given(f"""
        meta.coverage
        {LISTED}
        r8 | l1 | events | latest | 1 | 10 | - | 2026-11-19 03:00 | complete | 2026-11-19 03:02
        r8 | l2 | events | latest | 1 | 10 | - | 2026-11-19 03:00 | failed   | 2026-11-19 03:02

        meta.slices
        run_id | slice_id | stream | request | organization_id | window_end | items
        r8 | l1 | events | latest | 1 | 2026-11-19 03:00 | ["old", "just before", "new", "taken back"]
        r8 | l2 | events | latest | 1 | 2026-11-19 03:00 | ["failed"]

        issues
        organization_id | issue_id | project_id | last_seen | status | num_comments | _run_id
        1 | old         | 10 | 2026-11-18 12:00 | unresolved | 0 | r9
        1 | just before | 10 | 2026-11-19 02:55 | resolved   | 0 | r9
        1 | new         | 10 | 2026-11-19 12:00 | unresolved | 2 | r9
        1 | failed      | 10 | 2026-11-18 12:00 | unresolved | 0 | r9
        1 | not listed  | 10 | 2026-11-19 12:00 | unresolved | 0 | r8
        1 | taken back  | 10 | 2026-11-18 12:00 | unresolved | 0 | r9
        2 | old         | 10 | 2026-11-18 13:00 | unresolved | 0 | r9

        issue_details
        organization_id | issue_id | num_comments | status | _loaded_at
        1 | old         | 0 | unresolved | 2026-11-19 03:10
        1 | just before | 0 | unresolved | 2026-11-19 03:10
        1 | new         | 1 | unresolved | 2026-11-19 03:10
        1 | failed      | 0 | -          | 2026-11-19 03:10
        1 | taken back  | 0 | resolved   | 2026-11-19 03:10

        issue_history
        organization_id | issue_id | status | valid_from | valid_to
        1 | old         | unresolved | 2026-11-01 03:00 | -
        1 | just before | unresolved | 2026-11-01 03:00 | 2026-11-20 03:00
        1 | just before | resolved   | 2026-11-20 03:00 | -
        2 | failed      | resolved   | 2026-11-20 03:00 | -
    """)
    assert items(connection, "events_latest") == [
        ("1", "10", "new"),
        ("1", "10", "failed"),
        ("1", "10", "just before"),
        ("2", "10", "old"),
    ]
    assert sorted(items(connection, "issue_details")) == [
        ("1", "10", "just before"),
        ("1", "10", "new"),
        ("1", "10", "taken back"),
        ("2", "10", "old"),
    ]


def test_issues_whose_events_may_stand_under_another(
    connection: duckdb.DuckDBPyConnection, given: Given
) -> None:
    given(f"""
        meta.runs
        run_id | command | as_of | started_at
        r1 | export | 2026-11-09 03:00 | 2026-11-09 03:00
        r7 | export | 2026-11-18 03:00 | 2026-11-18 03:00
        r8 | export | 2026-11-19 03:00 | 2026-11-19 03:00
        r9 | export | 2026-11-20 03:00 | 2026-11-20 03:00

        meta.coverage
        {LISTED}
        r1 | s1 | events |       | 1 | 10 | 2026-08-11 | 2026-11-09 03:00 | complete | 2026-11-09 03:02
        r7 | m1 | events | moved | 1 | 10 | -          | 2026-11-18 03:00 | complete | 2026-11-18 03:02
        r8 | m1 | events | moved | 1 | 10 | -          | 2026-11-19 03:00 | complete | 2026-11-19 03:02
        r8 | m2 | events | moved | 1 | 10 | -          | 2026-11-19 03:00 | failed   | 2026-11-19 03:02

        meta.slices
        run_id | slice_id | stream | request | organization_id | project_id | window_start | window_end | position | items
        r1 | s1 | events |       | 1 | 10 | 2026-08-11 | 2026-11-09 03:00 | 3  | -
        r7 | s1 | events |       | 1 | 10 | 2026-11-14 | 2026-11-18 03:00 | 3  | -
        r7 | m1 | events | moved | 1 | 10 | -          | 2026-11-18 03:00 | 9  | ["asked twice"]
        r8 | s1 | events |       | 1 | 10 | 2026-11-15 | 2026-11-19 03:00 | 3  | -
        r8 | m1 | events | moved | 1 | 10 | -          | 2026-11-19 03:00 | 8  | ["asked once", "asked twice"]
        r8 | m2 | events | moved | 1 | 10 | -          | 2026-11-19 03:00 | 9  | ["failed"]
        r9 | s1 | events |       | 1 | 10 | 2026-11-16 | 2026-11-20 03:00 | 3  | -
        r9 | s2 | events |       | 1 | 10 | 2026-10-01 | 2026-10-02       | 10 | -

        issues
        issue_id | project_id | first_seen | event_count | _run_id
        new         | 10 | 2026-11-15 | 1 | r9
        whole       | 10 | 2026-11-15 | 0 | r9
        read now    | 10 | 2026-11-17 | 1 | r9
        read then   | 10 | 2026-11-15 | 1 | r9
        failed      | 10 | 2026-11-12 | 1 | r9
        asked once  | 10 | 2026-11-12 | 1 | r9
        asked twice | 10 | 2026-11-12 | 1 | r9
        long ago    | 10 | 2026-07-12 | 1 | r9

        issue_history
        issue_id | project_id | valid_from | _run_id
        new         | 10 | 2026-11-20 03:01 | r9
        whole       | 10 | 2026-11-20 03:01 | r9
        read now    | 10 | 2026-11-20 03:01 | r9
        read then   | 10 | 2026-11-18 03:01 | r7
        failed      | 10 | 2026-11-18 03:01 | r7
        asked once  | 10 | 2026-11-19 03:01 | r8
        asked twice | 10 | 2026-11-18 03:01 | r7
        long ago    | 10 | 2026-11-09 03:01 | r1
    """)
    found = [item for _, _, item in items(connection, "events_moved")]
    assert sorted(found) == ["asked once", "failed", "new"]

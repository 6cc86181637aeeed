"""Every check can fail: rows that offend are planted for each, and named; without them all is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from extractors.plan import requests_of
from extractors.stream import all_streams
from extractors.streams.discover import DEFAULT_QUERIES
from warehouse.checks import Finding, declared_checks, run_checks, written_checks
from warehouse.schema import Table, Type, quote
from warehouse.store import Store

RUN = "20261103T030000-aaaaaa"
VALUES = {
    Type.VARCHAR: "'{}'",
    Type.TIMESTAMP: "timestamp '2026-10-01'",
    Type.BIGINT: "1",
    Type.DOUBLE: "1.5",
    Type.BOOLEAN: "true",
    Type.JSON: "'{{}}'",
}
DECLARED = {t.name: t for s in all_streams() for r in requests_of(s, DEFAULT_QUERIES) for t in r.tables}

PLANTED = {
    "events_without_issue": (
        "insert into events (organization_id, event_id, issue_id) values ('1', 'e1', '77')",
    ),
    "history_overlaps": (
        "insert into issue_history (organization_id, issue_id, valid_from, valid_to) values "
        "('1', '5', '2026-10-01', '2026-10-05'), ('1', '5', '2026-10-03', null)",
    ),
    "mixed_intervals": (
        "insert into outcomes (organization_id, project_id, category, outcome, reason, interval_start, "
        "interval_seconds) values ('1', '2', 'error', 'accepted', '', '2026-10-01', 86400), "
        "('1', '2', 'error', 'accepted', '', '2026-10-01 01:00', 3600)",
    ),
    "moved_projects": (
        "insert into projects (organization_id, project_id, date_created, _run_id, _loaded_at) values "
        f"('1', '7', '2025-01-01', 'r', '2026-10-01'), ('2', '7', '2025-01-01', '{RUN}', '2026-10-02')",
        "insert into events (organization_id, project_id, event_id, _run_id) values "
        f"('1', '7', 'e7', 'r'), ('2', '7', 'e7', '{RUN}')",
    ),
    "negative_counts": (
        "insert into outcomes (organization_id, project_id, category, outcome, reason, interval_start, "
        "quantity) values ('1', '3', 'error', 'accepted', '', '2026-10-01', -1)",
    ),
    "sums_below_totals": (
        "insert into meta.coverage (run_id, slice_id, stream, request, status, expected, loaded) "
        f"values ('{RUN}', 's', 'sessions', '', 'complete', 10, 9)",
    ),
    "session_sums_differ": (
        f"insert into meta.runs (run_id, as_of, command) values ('{RUN}', '2026-11-03', 'export')",
        "insert into sessions (organization_id, project_id, release, environment, session_status, "
        "interval_start, session_count) values ('1', '2', '', '', 'healthy', '2026-10-01', 90)",
        "insert into session_health (organization_id, project_id, release, environment, interval_start, "
        "session_count) values ('1', '2', '', '', '2026-10-01', 100)",
    ),
    "unusual_volume": (
        f"insert into meta.runs (run_id, as_of, command) values ('{RUN}', '2026-11-03', 'export')",
        *(
            f"insert into meta.runs (run_id, as_of, command) values ('r{n}', '2026-10-0{n}', 'export'); "
            "insert into meta.coverage (run_id, slice_id, organization_id, stream, request, status, rows) "
            f"values ('r{n}', 's', '1', 'events', '', 'complete', 1000)"
            for n in range(1, 5)
        ),
        "insert into meta.coverage (run_id, slice_id, organization_id, stream, request, status, rows) "
        f"values ('{RUN}', 's', '1', 'events', '', 'complete', 100)",
    ),
    # against the file published before: see `published`
    "fewer_rows_than_before": ("delete from events",),
    "fewer_events_than_before": (
        "update issues set event_count = 4",
        "insert into events (organization_id, event_id) values ('1', 'e')",
    ),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Every declared table, without a row."""
    store = Store(tmp_path_factory.mktemp("checks") / "warehouse.duckdb", memory_limit="200MB")
    with store.transaction():
        for table in DECLARED.values():
            store.fit(table)
    yield store
    store.close()


@pytest.fixture
def store(empty: Store) -> Iterator[Store]:
    """The tables, as they were before, after the test."""
    yield empty
    tables = empty.rows(
        "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'meta')"
    )
    for schema, name in tables:
        empty.connection.execute(f"delete from {schema}.{quote(name)}")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file published before, with one event, one issue of five events, and no state of it."""
    file = tmp_path / "sentry.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("create table events as select '1' as organization_id, 'e' as event_id")
        connection.execute(
            "create table issues as select '1' as organization_id, '5' as issue_id, 5 as event_count"
        )
        connection.execute("create table issue_history as select '1' as organization_id limit 0")
    return file


def found_in(store: Store, published: Path) -> dict[str, Finding]:
    found = run_checks(store, list(DECLARED.values()), RUN, published)
    return {finding.check.name: finding for finding in found}


def insert(store: Store, table: Table, word: str) -> None:
    keys = [c for c in table.all_columns if c.name in table.key]
    values = ", ".join(VALUES[c.type].format(word) for c in keys)
    store.connection.execute(
        f"insert into {table.full_name} ({', '.join(quote(c.name) for c in keys)}) values ({values})"
    )


def test_nothing_is_found_in_what_holds_together(store: Store, tmp_path: Path) -> None:
    assert found_in(store, tmp_path / "none.duckdb") == {}


def test_every_declared_check_can_fail(store: Store, tmp_path: Path) -> None:
    """Each table has the same row twice, each child table one of an unknown parent."""
    for table in DECLARED.values():
        insert(store, table, "a")
        insert(store, table, "a")
        if table.parent:
            insert(store, table, "orphan")
    found = found_in(store, tmp_path / "none.duckdb")
    declared = {check.name for check in declared_checks(list(DECLARED.values()))}
    assert declared <= set(found)
    assert all(found[name].check.severity == "fail" for name in declared)
    assert found["unique_events"].examples == ("event_id a",)
    assert found["orphans_event_tags"].examples == ("event_id orphan, key orphan",)


def test_keys_that_do_not_fit_into_memory_are_checked(tmp_path: Path) -> None:
    """As after years: 85 MB of keys in 40 MB."""
    with Store(tmp_path / "warehouse.duckdb", memory_limit="40MB") as store:
        for table in DECLARED.values():
            store.fit(table)
        for columns, more in (
            ("events (organization_id, event_id)", ""),
            ("event_tags (organization_id, event_id, key)", ", 'level'"),
        ):
            store.connection.execute(
                f"insert into {columns} select '1', repeat(md5(i::varchar), 8){more} from range(330000) t(i)"
            )
            store.checkpoint()
        assert found_in(store, tmp_path / "none.duckdb") == {}


@pytest.mark.parametrize("name", sorted({check.name for check in written_checks()}))
def test_every_written_check_can_fail(store: Store, published: Path, name: str) -> None:
    store.connection.execute("insert into events (organization_id, event_id) values ('1', 'e')")
    store.connection.execute(
        "insert into issues (organization_id, issue_id, event_count) values ('1', '5', 6)"
    )
    assert found_in(store, published) == {}
    for statement in PLANTED[name]:
        store.connection.execute(statement)
    found = found_in(store, published)
    assert name in found
    assert found[name].rows >= 1
    told = store.rows(
        "select offending, examples from meta.checks where run_id = ? and name = ?", [RUN, name]
    )
    assert told == [(found[name].rows, "; ".join(found[name].examples))]


def test_a_project_that_was_moved_is_told_once(store: Store, tmp_path: Path) -> None:
    for statement in PLANTED["moved_projects"]:
        store.connection.execute(statement)
    store.connection.execute(
        "insert into events (organization_id, project_id, event_id, _run_id) values ('2', '7', 'e8', 'r')"
    )
    assert "moved_projects" not in found_in(store, tmp_path / "none.duckdb")


def test_runs_of_a_large_organization_are_no_measure_for_a_small_one(store: Store, tmp_path: Path) -> None:
    """A home of two servers is exported by runs of one organization each."""
    for statement in PLANTED["unusual_volume"]:
        store.connection.execute(statement)
    store.connection.execute(
        "update meta.coverage set organization_id = '2' where run_id = ? and stream = 'events'", [RUN]
    )
    assert "unusual_volume" not in found_in(store, tmp_path / "none.duckdb")


def test_a_published_file_without_tables_is_let_go(store: Store, published: Path, tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "other.duckdb") as connection:
        connection.execute("create table other (a integer)")
    assert found_in(store, tmp_path / "other.duckdb") == {}
    assert "fewer_rows_than_before" in found_in(store, published)

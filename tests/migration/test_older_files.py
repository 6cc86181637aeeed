"""A warehouse that the first version made is brought up to date when it is opened, and its rows stay.

`version-1.tar.gz` is such a home: bookkeeping of schema 1 and a table `issues` that has no `priority` yet.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from flows.replay import replay
from flows.settings import load_settings
from tests.export.conftest import run_export
from warehouse.publish import publish
from warehouse.store import SCHEMA_VERSION, Store, WarehouseError

STORED = Path(__file__).with_name("version-1.tar.gz")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with tarfile.open(STORED) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_opening_migrates_it(home: Path) -> None:
    before = rows(home, "select count(*) from events")
    assert rows(home, "select value from meta.settings where name = 'schema_version'") == [("1",)]
    for _ in range(2):
        Store(home / "warehouse.duckdb").close()
        assert rows(home, "select value from meta.settings where name = 'schema_version'") == [
            (str(SCHEMA_VERSION),)
        ]
        assert rows(home, "select number from meta.rejects order by run_id, number") == [
            (1,),
            (2,),
            (1,),
            (2,),
        ]
        assert rows(home, "select count(*) from meta.archive where request is null") == [(0,)]
        assert rows(home, "select distinct example from meta.drift") == [(None,)]
    assert rows(home, "select count(*) from events") == before


def test_publishing_it_before_says_how_to_bring_it_up_to_date(home: Path) -> None:
    with pytest.raises(WarehouseError, match=r"backlog_age.sql.*`sentry-warehouse export`.*replay"):
        publish(home)


def test_an_export_goes_on_with_it_and_says_what_replay_would_fill(home: Path) -> None:
    before = rows(home, "select issue_id from issues order by all")
    options = SandboxOptions(projects=2, issues=8, events=40, days=14, rate_limit=0)
    with Sandbox(options) as sandbox:
        result = run_export(sandbox, home, streams={"only": ["projects"]})
    (warning,) = result.warnings
    assert "issues.priority" in warning
    assert "other_events" in warning  # a whole table
    assert "replay" in warning
    assert rows(home, "select issue_id from issues order by all") == before
    assert rows(home, "select count(priority) from issues") == [(0,)]


def test_replay_fills_the_columns_it_lacked(home: Path) -> None:
    before = rows(home, "select issue_id, status, event_count from issues order by all")
    replayed = replay(load_settings(None, {"home": str(home)}, environment={}))
    assert replayed.unreadable == []
    assert list(home.glob("warehouse.damaged-*")) == []
    assert rows(home, "select issue_id, status, event_count from issues order by all") == before
    assert rows(home, "select count(priority) = count(*) from issues") == [(True,)]


def test_a_newer_file_is_refused_and_left_alone(home: Path) -> None:
    connection = duckdb.connect(str(home / "warehouse.duckdb"))
    connection.execute("update meta.settings set value = '999' where name = 'schema_version'")
    connection.close()
    with pytest.raises(WarehouseError, match="newer sentry-warehouse"):
        Store(home / "warehouse.duckdb")
    assert rows(home, "select count(*) from duckdb_columns() where column_name = 'example'") == [(0,)]

"""What replay makes of the archive equals what the live runs made, row for row."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.replay import replay
from flows.settings import UsageError
from tests.export.conftest import Start, run_export, settings_for
from warehouse.checks import CheckFailed
from warehouse.store import WarehouseError

SMALL = {"projects": 3, "issues": 30, "events": 400, "rate_limit": 0}


NOT_ARCHIVED = {"runs", "slices", "coverage", "cursors", "fields", "checks", "archive", "settings"}
"""What runs did, found and learnt; the next export proves anew."""


def differing(one: Path, two: Path) -> dict[str, tuple[int, int]]:
    """Table → rows only in one, rows only in the other; meta tables too."""
    connection = duckdb.connect()
    found = {}
    try:
        connection.execute(f"attach '{one}' as one (read_only)")
        connection.execute(f"attach '{two}' as two (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'one' and schema_name in ('main', 'meta')"
        ).fetchall()
        for schema, name in tables:
            table = f'{schema}."{name}"'
            counts = [
                connection.execute(
                    f"select count(*) from (from {a}.{table} except all from {b}.{table})"
                ).fetchall()[0][0]
                for a, b in (("one", "two"), ("two", "one"))
            ]
            if any(counts):
                found[name] = (counts[0], counts[1])
    finally:
        connection.close()
    return found


def test_replay_equals_the_live_load_over_all_streams(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    run_export(sandbox, tmp_path)
    for _ in range(3):
        sandbox.pass_night()
        run_export(sandbox, tmp_path)
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((tmp_path / "warehouse.duckdb").read_bytes())
    replayed = replay(settings_for(sandbox, tmp_path))
    assert replayed.unreadable == []
    assert replayed.rows["events"] > 0
    assert differing(copy, tmp_path / "warehouse.duckdb") == {}


def test_one_stream_is_rebuilt_and_the_others_stay(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    run_export(sandbox, tmp_path)
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((tmp_path / "warehouse.duckdb").read_bytes())
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("delete from events")
    connection.close()
    replay(settings_for(sandbox, tmp_path), streams=["events"])
    assert differing(copy, tmp_path / "warehouse.duckdb") == {}


def test_a_damaged_warehouse_comes_back(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    run_export(sandbox, tmp_path)
    copy = tmp_path / "copy.duckdb"
    (tmp_path / "warehouse.duckdb").rename(copy)
    (tmp_path / "warehouse.duckdb").write_text("not a database")
    replay(settings_for(sandbox, tmp_path))
    assert set(differing(copy, tmp_path / "warehouse.duckdb")) <= NOT_ARCHIVED
    assert len(list(tmp_path.glob("warehouse.damaged-*.duckdb"))) == 1
    assert run_export(sandbox, tmp_path).rows["events"] > 0


def test_runs_that_the_warehouse_does_not_know_are_loaded_too(start: Start, tmp_path: Path) -> None:
    """It was put back from a backup, or begun anew, and the archive stayed."""
    sandbox = start(**SMALL)
    settings, file, copy = settings_for(sandbox, tmp_path), tmp_path / "warehouse.duckdb", tmp_path / "copy"
    run_export(sandbox, tmp_path)
    older = file.read_bytes()
    sandbox.pass_night()
    run_export(sandbox, tmp_path)
    copy.write_bytes(file.read_bytes())
    file.write_bytes(older)
    replay(settings)
    assert set(differing(copy, file)) <= NOT_ARCHIVED
    file.unlink()
    with pytest.raises(CheckFailed, match=r"fewer rows .*Run `sentry-warehouse replay`"):
        run_export(sandbox, tmp_path)
    replay(settings)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{copy}' as one (read_only); attach '{file}' as two (read_only)")
        for table, key in (
            ("issues", "issue_id"),
            ("events", "event_id"),
            ("issue_history", "issue_id, status"),
        ):
            missing = f"select {key} from one.{table} except select {key} from two.{table}"
            assert connection.execute(missing).fetchall() == []
    assert run_export(sandbox, tmp_path).published


def test_mistakes_are_named(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    with pytest.raises(UsageError, match="no stream 'event'"):
        replay(settings_for(sandbox, tmp_path), streams=["event"])
    (tmp_path / "raw").mkdir()
    with pytest.raises(WarehouseError, match="no archive"):
        replay(settings_for(sandbox, tmp_path))

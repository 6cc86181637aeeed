"""Replay tells how a page of Discover was asked for: by the hour, by the day, or as a snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from flows.publishing import publish_home
from flows.replay import replay
from tests.export.conftest import Start, query, run_export, settings_for
from tests.export.test_replay import differing

FIELDS = ["project.id", "level", "count()"]
QUERIES = [
    {"name": "hourly", "fields": FIELDS, "interval": "1h", "days": 1},
    {"name": "daily", "fields": FIELDS, "interval": "1d", "days": 3},
    {"name": "last_day", "fields": FIELDS, "days": 1},
    {"name": "last_days", "fields": FIELDS, "days": 3},
]
CHOSEN = {"streams": {"only": ["discover"]}, "discover": QUERIES}


def comments(file: Path) -> list[tuple[str, ...]]:
    """What columns of Discover tables say of themselves."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(
            "select table_name, column_name, comment from duckdb_columns() "
            "where starts_with(table_name, 'discover_') order by all"
        ).fetchall()


def test_discover_tables_are_rebuilt_as_they_were(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=2, issues=20, events=400, rate_limit=0)
    for _ in range(2):
        run_export(sandbox, tmp_path, **CHOSEN)
        sandbox.pass_night()
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((tmp_path / "warehouse.duckdb").read_bytes())
    replayed = replay(settings_for(sandbox, tmp_path, **CHOSEN))
    assert replayed.rows["discover_last_day"] > 0
    assert differing(copy, tmp_path / "warehouse.duckdb") == {}
    assert comments(copy) == comments(tmp_path / "warehouse.duckdb")


def test_a_query_that_groups_by_less_than_before_is_published_and_rebuilt(
    start: Start, tmp_path: Path
) -> None:
    """Rows that are no longer read again keep their finer grain."""
    sandbox = start(projects=2, issues=20, events=400, days=12, rate_limit=0)

    def of(*fields: str) -> dict[str, object]:
        query = {"name": "daily", "fields": fields, "interval": "1d", "days": 12}
        return {"streams": {"only": ["discover"]}, "discover": [query]}

    for chosen in (of("project.id", "level", "count()"), of("project.id", "environment", "count()")):
        run_export(sandbox, tmp_path, **chosen)
        sandbox.pass_night()
    run_export(sandbox, tmp_path, **(chosen := of("project.id", "count()")))
    tables = json.loads((tmp_path / "published" / "manifest.json").read_text())["tables"]
    (key,) = [table["key"] for table in tables if table["name"] == "discover_daily"]
    assert set(key) == {"organization_id", "project_id", "level", "environment", "interval_start"}
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((tmp_path / "warehouse.duckdb").read_bytes())
    replay(settings_for(sandbox, tmp_path, **chosen))
    assert differing(copy, tmp_path / "warehouse.duckdb") == {}
    assert comments(copy) == comments(tmp_path / "warehouse.duckdb")


@pytest.mark.parametrize("before", ["1d", None])
def test_a_query_asked_by_the_hour_from_now_on_counts_no_day_twice(
    start: Start, tmp_path: Path, before: str | None
) -> None:
    """Nor does a replay, also where the warehouse was lost and nothing but the archive tells."""
    sandbox = start(projects=2, issues=20, events=400, days=6, rate_limit=0)
    fields = ["project.id", "level", "count()"]

    def of(interval: str | None) -> dict[str, object]:
        queries = [
            {"name": name, "fields": fields, "days": 9} | ({"interval": each} if each else {})
            for name, each in (("days", "1d"), ("changed", interval))
        ]
        return {"streams": {"only": ["discover"]}, "discover": queries}

    def figures() -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        sums = "select project_id, interval_start::date, level, sum(count) from discover_{} group by all"
        days, changed = (sorted(query(tmp_path, sums.format(name))) for name in ("days", "changed"))
        return days, changed

    run_export(sandbox, tmp_path, **of(before))
    if before:  # in a night events are deleted, also of days that are not read again
        sandbox.pass_night()
    run_export(sandbox, tmp_path, **of("1h"))
    days, changed = figures()
    assert changed == days
    for lost in (False, True):
        if lost:
            (tmp_path / "warehouse.duckdb").unlink()
        settings = settings_for(sandbox, tmp_path, **of("1h"))
        replay(settings)
        publish_home(settings)
        assert figures() == (days, days)

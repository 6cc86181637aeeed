"""The tables hold exactly what the sandbox holds: after the first run, the second, and the nights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from flows.ending import Result
from tests.cli.command import run_command
from tests.export.conftest import Start, query, run_export
from tests.export.truth import Activities, differences
from warehouse.inspect import status

MONDAY = datetime(2026, 11, 2, 3, tzinfo=UTC)
SMALL = {"projects": 3, "issues": 30, "events": 400, "days": 40, "rate_limit": 0}


@pytest.mark.parametrize("age", ["2026", "2023"])
def test_first_run_second_run_and_a_night(start: Start, tmp_path: Path, age: str) -> None:
    sandbox = start(age=age, **SMALL)
    first = run_export(sandbox, tmp_path)
    assert differences(sandbox, tmp_path) == {}
    second = run_export(sandbox, tmp_path)
    assert differences(sandbox, tmp_path) == {}
    assert second.rows == first.rows
    assert second.requests < first.requests / 2
    sandbox.pass_night()
    run_export(sandbox, tmp_path)
    assert differences(sandbox, tmp_path) == {}


World = tuple[Sandbox, Path, Result]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An organization that refuses nothing, and an export of it."""
    home = tmp_path_factory.mktemp("whole")
    with Sandbox(SandboxOptions(**SMALL, refused_projects=0)) as sandbox:
        yield sandbox, home, run_export(sandbox, home)


def test_only_the_refused_project_is_not_complete(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    result = run_export(sandbox, tmp_path)
    (refused,) = [p["project_id"] for p in sandbox.truth("projects") if p["refused"]]
    assert {(s["project_id"], s["status"]) for s in result.incomplete} == {(refused, "forbidden")}
    assert result.exit_code == 3
    found = status(tmp_path, result.as_of)
    assert not found["is_proven"]
    assert {(row["project_id"], row["status"]) for row in found["incomplete"]} == {(refused, "forbidden")}
    # of sessions and outcomes, Sentry counts many days together
    whole = {"outcomes": "sum(quantity)", "sessions": "sum(session_count)", "events": "count(*)"}
    for table, total in whole.items():
        (row,) = [row for row in found["tables"] if row["table"] == table]
        assert (row["expected"], row["loaded"]) in (
            (None, None),
            2 * query(tmp_path, f"select {total}::bigint from {table}")[0],
        ), table
    assert query(
        tmp_path, "select distinct expected, ratio from marts.completeness where status = 'forbidden'"
    ) == [(None, None)]


def test_nothing_is_left_out_where_nothing_is_refused(whole: World) -> None:
    _, home, result = whole
    assert (result.incomplete, result.exit_code, result.status) == ([], 0, "complete")
    assert query(home, "select count(*) from meta.rejects where path = ''") == [(0,)]


def test_status_is_green_only_while_it_is_proven(whole: World) -> None:
    _, home, result = whole
    found = status(home, result.as_of)
    assert found["is_proven"]
    assert {row["freshness"] for row in found["tables"]} == {"fresh"}
    assert all(row["days"] == row["whole_days"] for row in found["tables"])
    late = status(home, result.as_of + timedelta(hours=37))
    assert not late["is_proven"]
    assert {row["freshness"] for row in late["tables"]} == {"stale"}
    said = run_command(
        "status", "--exit-code", "--json", folder=home.parent, variables={"SENTRY_WAREHOUSE_HOME": str(home)}
    )
    assert (said.code, json.loads(said.out)["is_proven"]) == (0, True)


def test_empty_organization(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=0, issues=0, events=0, rate_limit=0, refused_projects=0)
    result = run_export(sandbox, tmp_path)
    assert result.exit_code == 0
    assert result.rows["organizations"] == 1
    assert result.rows["events"] == 0
    assert query(tmp_path, "select count(*) from marts.release_health") == [(0,)]


def test_published_file_opens_by_itself_and_holds_the_rows(whole: World) -> None:
    _, home, result = whole
    assert query(home, "select count(*) from events") == [(result.rows["events"],)]
    parquet = home / "published" / "parquet" / "events.parquet"
    assert query(home, f"select count(*) from '{parquet}'") == [(result.rows["events"],)]


def test_project_filter(whole: World, tmp_path: Path) -> None:
    sandbox, _, _ = whole
    chosen = sandbox.truth("projects")[0]
    result = run_export(sandbox, tmp_path, projects=[chosen["slug"]])
    assert result.exit_code == 0
    assert query(tmp_path, "select distinct project_id from events") == [(chosen["project_id"],)]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("nights", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_nights_of_thirty_days_of_retention(start: Start, tmp_path: Path, nights: int) -> None:
    """Resolves, reopenings, assignments, also back within the day, merges, unmerges, reprocessing, deletions,
    late events, renames of projects and of the organization: row by row, each night. What retention takes
    from Sentry stays here.
    """
    sandbox = start(
        projects=3,
        issues=24,
        events=400,
        days=30,
        retention_days=30,
        rate_limit=0,
        organization_renamed_every=3,
        clock_offset=MONDAY - datetime.now(UTC),  # on some days too little happens in four nights
    )
    run_export(sandbox, tmp_path)
    activities = Activities()
    activities.look(sandbox, tmp_path)
    before = query(tmp_path, "select min(date_created) from events")
    lines: list[str] = []
    for night in range(1, nights + 1):
        happened = sandbox.pass_night()
        lines += happened
        run_export(sandbox, tmp_path)
        assert differences(sandbox, tmp_path) == {}, (night, happened)
        asked = activities.look(sandbox, tmp_path)
        assert activities.differences(tmp_path) == [], (night, happened)
        changed = {r["issue_id"] for r in sandbox.truth("issue_history") if r["night_from"] == night}
        assert changed <= asked, (night, happened)
    assert query(tmp_path, "select min(date_created) from events") == before
    gone = [e for e in sandbox.truth("events") if e["listed"] and not e["retained"]]
    assert len(gone) > nights
    for event in HAPPENED:
        assert any(event in line for line in lines), event

    # what no list shows, such as an assignment that was taken back, comes with the weekly audit
    run_export(sandbox, tmp_path, full_audit=True)
    audited = activities.look(sandbox, tmp_path)
    assert {i["issue_id"] for i in sandbox.truth("issues") if i["in_search"]} <= audited
    assert activities.differences(tmp_path) == []
    assert differences(sandbox, tmp_path) == {}


HAPPENED = (
    "was resolved",
    "came back",
    "was assigned to",
    "given back the same day",
    "was merged into",
    "taken out of",
    "was reprocessed",
    "was deleted",
    "came late",
    "project ",
    "organization ",
)
"""Words of the sandbox for what happens to an organization."""

"""The audit of events: what is lost is found behind what Sentry forgot, by the night or by the week."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.sandbox.makers import new_event, new_issue
from extractors.sandbox.rhythm import DAY_MS
from flows import audit
from flows.answers import counted
from flows.run_report import as_markdown, read_report
from tests.export.conftest import Start, query, run_export
from tests.export.truth import differences
from warehouse.checks import CheckFailed

OPTIONS = SandboxOptions(
    projects=1, issues=12, events=200, days=20, rate_limit=0, refused_projects=0, short_pages=False
)
ONLY = {"streams": {"only": ["events", "event_counts", "issues"]}, "events": {"detail": "summary"}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(OPTIONS) as made:
        yield made


@pytest.fixture(scope="module")
def exported(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("audit") / "home"
    run_export(sandbox, home, **ONLY)
    return home


@pytest.fixture
def home(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "home", symlinks=True))


def swap_one(home: Path, sandbox: Sandbox, days_ago: int) -> tuple[str, datetime]:
    """Takes one stored event away and puts one in that Sentry does not have: the count stays."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        newest = max(e["date_created"] for e in sandbox.truth("events") if e["listed"])
        before = newest.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
        event_id, day = connection.execute(
            "select event_id, date_trunc('day', date_created) from events "
            "where date_created < ? and event_id[1] <> 'f' order by date_created desc limit 1",
            [before + timedelta(days=1)],
        ).fetchall()[0]
        for table in ("events", "event_tags"):
            change = f"update {table} set event_id = 'f' || event_id[2:] where event_id = ?"
            connection.execute(change, [event_id])
    return event_id, day


def is_stored(home: Path, event_id: str) -> bool:
    return query(home, f"select count(*) from events where event_id = '{event_id}'") == [(1,)]


def status_of(home: Path, day: datetime) -> tuple[Any, ...]:
    sql = "select expected, loaded, status from marts.completeness where table_name = 'events' and day = "
    return query(home, f"{sql} '{day:%Y-%m-%d}'")[0]


def test_an_exchange_within_the_overlap_is_healed_at_night(sandbox: Sandbox, home: Path) -> None:
    event_id, _ = swap_one(home, sandbox, days_ago=1)
    run_export(sandbox, home, **ONLY)
    assert is_stored(home, event_id)


def test_an_exchange_long_ago_is_healed_by_the_full_audit(sandbox: Sandbox, home: Path) -> None:
    event_id, _ = swap_one(home, sandbox, days_ago=9)
    run_export(sandbox, home, **ONLY)
    assert not is_stored(home, event_id), "counts alone can not tell"
    pages = sum("/issues/61" in r["path"] for r in sandbox.requests())
    result = run_export(sandbox, home, full_audit=True, **ONLY)
    assert is_stored(home, event_id)
    assert result.status == "complete"
    assert sum("/issues/61" in r["path"] for r in sandbox.requests()) - pages == 12, "all issues' own pages"


def test_a_lost_event_can_not_hide_behind_one_that_sentry_forgot(sandbox: Sandbox, home: Path) -> None:
    event_id, day = swap_one(home, sandbox, days_ago=9)
    sandbox.lose("event", event_id=event_id)
    try:
        result = run_export(sandbox, home, full_audit=True, **ONLY)
        assert result.audited_days["partial"] == 1
        assert set(result.slices) == {"complete"}, "days are counted apart from slices"
        report = as_markdown(read_report(home, result))
        assert report.startswith(f"# All {result.slices['complete']:,} slices are complete")
        days = counted(sum(result.audited_days.values()), "audited day")
        assert f"1 of {days} of projects is short of events." in report
        expected, loaded, status = status_of(home, day)
        assert (expected - loaded, status) == (1, "partial")
        before = len(sandbox.requests())
        run_export(sandbox, home, **ONLY)
        assert status_of(home, day) == (expected, loaded, "partial"), "still short the night after"
        asked = [r for r in sandbox.requests()[before:] if "/events/" in r["path"] and "project" in r["path"]]
        assert not any(f"start={day:%Y-%m-%d}" in r["query"] for r in asked), "but not read again each night"
    finally:
        sandbox.app.world.losses.clear()
        sandbox.app.world.events[event_id].lost = False
        sandbox.app.world.settle()


def test_a_short_day_is_not_healed_by_what_sentry_forgets(start: Start, tmp_path: Path) -> None:
    """One event was never listed. When another one goes, Sentry counts as many as are stored, and one is
    lacking still."""
    sandbox = start(
        projects=1, issues=12, events=200, days=20, rate_limit=0, refused_projects=0, short_pages=False
    )
    world = sandbox.app.world
    errors = world.projects[0].errors
    newest = errors[-1].ts_ms // DAY_MS
    days = {n: [e for e in errors if e.ts_ms // DAY_MS == newest - n] for n in range(5, 15)}
    lost, forgotten = next(events[:2] for events in days.values() if len(events) > 2)
    day = datetime(1970, 1, 1) + timedelta(days=lost.ts_ms // DAY_MS)
    sandbox.lose("event", event_id=lost.event_id)
    run_export(sandbox, tmp_path, **ONLY)
    expected, loaded, status = status_of(tmp_path, day)
    assert (expected - loaded, status) == (1, "partial")
    world.remove_events(SimpleNamespace(events=[forgotten], project=world.projects[0]))  # type: ignore[arg-type]
    world.version += 1
    run_export(sandbox, tmp_path, **ONLY)
    assert status_of(tmp_path, day) == (expected - 1, expected - 2, "partial")


def test_a_day_that_lost_events_is_read_again(sandbox: Sandbox, home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        old = "date_created < (select min(date_created) + interval 9 day from events)"
        for table in ("event_tags", "events"):
            connection.execute(f"delete from {table} where {old}")
    run_export(sandbox, home, **ONLY)
    listed = sum(e["listed"] for e in sandbox.truth("events"))
    assert query(home, "select count(*) from events") == [(listed,)]


def test_what_does_not_hold_together_is_not_published(sandbox: Sandbox, home: Path) -> None:
    before = (home / "published").resolve()
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("insert into event_tags (organization_id, event_id, key) values ('1', 'e0', 'os')")
    with pytest.raises(CheckFailed, match=r"event_tags without a row of events.*event_id e0, key os"):
        run_export(sandbox, home, **ONLY)
    assert (home / "published").resolve() == before


def test_a_late_event_that_is_the_latest_of_its_issue_has_its_tags(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=1, issues=12, events=60, days=20, rate_limit=0, refused_projects=0)
    latest = {**ONLY, "events": {"detail": "latest-per-issue"}}
    run_export(sandbox, tmp_path, **latest)
    world = sandbox.app.world
    old = world.data_until_ms - 5 * DAY_MS
    issue = new_issue(world, world.projects[0], random.Random(1), 0)
    issue.first_seen_ms = old
    event = new_event(world, issue, old, random.Random(1), received_ms=world.data_until_ms)
    world.add_events([event])
    world.settle()
    run_export(sandbox, tmp_path, **latest)
    assert is_stored(tmp_path, event.event_id)
    assert differences(sandbox, tmp_path, ["events", "event_tags"]) == {}


def test_what_the_first_listing_lost_is_read_again_in_the_same_run(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=1, issues=12, events=400, days=20, rate_limit=0, refused_projects=0)
    sandbox.lose("page", endpoint="events")
    result = run_export(sandbox, tmp_path, **ONLY)
    assert differences(sandbox, tmp_path, ["events", "event_tags"]) == {}
    assert result.status == "complete"
    asked = [r["query"] for r in sandbox.requests() if "/events/" in r["path"] and "project" in r["path"]]
    assert len(set(asked)) == len(asked), "and once"


def test_days_of_two_organizations_make_no_slice_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers number their projects themselves: two organizations may have the same project_id."""
    days = [
        ("1", "5", "2026-11-01 00:00:00"),
        ("1", "5", "2026-11-02 00:00:00"),
        ("2", "5", "2026-11-03 00:00:00"),
    ]
    monkeypatch.setattr(audit, "worklist", lambda *_: days)
    names = {number: SimpleNamespace(slug=f"org-{number}") for number in ("1", "2")}
    run: Any = SimpleNamespace(
        run_id="r",
        as_of=datetime(2026, 11, 9),
        organizations=names,
        store=SimpleNamespace(rows=lambda *_: [("1", "5", "web"), ("2", "5", "shop")]),
    )
    slices = audit.short_slices(run)
    assert [(s.organization_slug, s.project_slug, s.window_start.day, s.window_end.day) for s in slices] == [
        ("org-1", "web", 1, 3),
        ("org-2", "shop", 3, 4),
    ]

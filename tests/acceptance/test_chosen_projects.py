"""A run of chosen projects takes nothing from the others, and the next run asks for what it left out."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb

from flows.replay import replay
from flows.settings import load_settings
from tests.acceptance.odd import rows, run
from tests.acceptance.strict import StrictSentry
from tests.acceptance.world import API, WEB, World, parse

DAY = timedelta(days=1)
WEEK = 7 * DAY
"""More than a night reads again of Discover."""
QUERIES = [
    {"name": name, "fields": [field, "count()"], "interval": "1d", "days": 30}
    for name, field in (("ids", "project.id"), ("slugs", "project"))
]
COUNTS = "select {}, interval_start::date, count from {}"

Days = dict[tuple[str, date], int]


def test_other_projects_keep_their_rows_and_are_read_later(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=12)) as sentry:
        world = sentry.world

        def export(**more: object) -> None:
            run(sentry, tmp_path, "discover", discover=QUERIES, **more)

        def pass_week() -> None:
            world.now += WEEK
            for issue in list(world.issues):
                world.add_event(issue, world.now - 6 * DAY)

        export()
        before = counted(tmp_path)
        assert before == happened(world)
        for chosen in (["web"], [WEB, "quiet"]):
            pass_week()
            export(projects=chosen)
            assert counted(tmp_path) == of(API, before) | of(WEB, happened(world))
        export()
        assert counted(tmp_path) == happened(world)

        export(projects=["api"], since=world.now - 25 * DAY)
        assert counted(tmp_path) == happened(world)

        kept = list(world.events)
        for issue in list(world.issues):
            world.add_event(issue, world.now - timedelta(hours=1))
        export()
        assert counted(tmp_path) == happened(world)
        world.events = kept
        export()  # projects that were asked for, and have nothing left of a day
        assert counted(tmp_path) == happened(world)

    replay(load_settings(None, {"home": str(tmp_path)}, environment={}))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        again = connection.execute(COUNTS.format("project_id", "discover_ids")).fetchall()
    assert {row[:2]: row[2] for row in again} == happened(world)


def counted(home: Path) -> Days:
    """(project, day) → events, as both tables have it."""
    by_id = rows(home, COUNTS.format("project_id", "discover_ids"))
    by_slug = rows(home, COUNTS.format("project", "discover_slugs"))
    slugs = {WEB: "web", API: "api"}
    assert sorted((slugs[p], *row) for p, *row in by_id) == sorted(by_slug)
    return {(project, day): count for project, day, count in by_id}


def happened(world: World) -> Days:
    """(project, day) → events that there were."""
    return Counter((e["projectID"], parse(e["dateCreated"]).date()) for e in world.events)


def of(project: str, days: Days) -> Days:
    """The days of one project."""
    return {key: count for key, count in days.items() if key[0] == project}

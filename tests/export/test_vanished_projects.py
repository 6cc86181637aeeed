"""A project that Sentry lists no more, and what the settings leave out: it is said, what was read stays, and
nothing is held up by it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.acceptance.odd import rows, run
from tests.acceptance.strict import StrictSentry
from tests.acceptance.world import API, World
from warehouse.inspect import status

STREAMS = ("issues", "events", "event_counts", "discover")
QUERIES = [
    {"name": "by_id", "fields": ["project.id", "level", "count()"], "interval": "1d"},
    {"name": "by_slug", "fields": ["project", "count()"], "interval": "1d"},
]


def test_it_is_said_once_and_holds_nothing_up(tmp_path: Path) -> None:
    with StrictSentry(World()) as sentry:
        assert run(sentry, tmp_path, *STREAMS, discover=QUERIES).exit_code == 0
        counts = "select (select count(*) from events), (select sum(count) from discover_by_id), "
        counts += "(select sum(count) from discover_by_slug)"
        before = rows(tmp_path, counts)
        project = next(p for p in sentry.world.projects if p["id"] == API)
        open_issues = f"select count(*) from marts.backlog_age where project_id = '{API}'"
        ((open_before,),) = rows(tmp_path, open_issues)
        assert open_before > 0
        # it was refused before it went, or went between the list of projects and what was asked of it
        refused = (403, {"detail": "You do not have permission to perform this action."}, {})
        sentry.overrides = [(".*/(api/events|acme/issues)/", lambda _: refused)]
        sentry.world.now += timedelta(days=1)
        run(sentry, tmp_path, "issues", "events")
        sentry.overrides = []
        sentry.world.projects.remove(project)
        gone = []
        issue = next(i for i, of in sentry.world.issues.items() if of["project"]["id"] == API)
        for days in (1, 1, 7):  # in all, longer ago than a night reads again
            sentry.world.now += timedelta(days=days)
            sentry.world.add_event(issue, sentry.world.now - timedelta(hours=1))
            result = run(sentry, tmp_path, *STREAMS, discover=QUERIES)
            gone.append((result.exit_code, result.slices.get("gone", 0)))
        assert gone == [(3, 4), (0, 0), (0, 0)]
        told = "select distinct project_id, reason from meta.coverage where status = 'gone'"
        ((project_id, reason),) = rows(tmp_path, told)
        assert project_id == project["id"]
        assert "lists this project no more" in reason
        assert rows(tmp_path, counts) == before
        assert rows(tmp_path, open_issues) == [(0,)]
        stale = "select table_name from marts.freshness where status <> 'fresh'"
        assert rows(tmp_path, stale) == []
        assert status(tmp_path)["is_proven"]

        sentry.world.projects.append(project)
        sentry.world.now += timedelta(days=1)
        assert run(sentry, tmp_path, *STREAMS, discover=QUERIES).exit_code == 0
        assert rows(tmp_path, open_issues) == [(open_before,)]
        events = len(sentry.world.events)
        assert rows(tmp_path, counts) == [(events, events, events)]
        standing = "select distinct status from marts.completeness where table_name = 'discover_by_id'"
        assert rows(tmp_path, standing) == [("complete",)]
        sentry.asked.clear()
        for days in (1, 8):
            sentry.world.now += timedelta(days=days)
            assert run(sentry, tmp_path, *STREAMS, discover=QUERIES).exit_code == 0
        assert {tuple(a.query["project"]) for a in sentry.requests_of("/organizations/acme/events/$")} == {
            ("-1",)
        }
        assert status(tmp_path, sentry.now())["left_out"] == []
        ends = "select max(window_end) from meta.coverage where status = 'complete' and project_id = "
        assert rows(tmp_path, f"{ends}'{project_id}' and request = ''")[0][0] > sentry.now() - timedelta(
            hours=1
        )


@pytest.mark.parametrize("was_seen", [True, False])
def test_figures_of_a_project_out_of_reach_stay_and_are_made_up_for(tmp_path: Path, was_seen: bool) -> None:
    counts = "select (select sum(count) from discover_by_id), (select sum(count) from discover_by_slug)"
    with StrictSentry(World()) as sentry:
        project = next(p for p in sentry.world.projects if p["id"] == API)
        project["hasAccess"] = was_seen
        assert run(sentry, tmp_path, "discover", discover=QUERIES).exit_code == 0
        before = rows(tmp_path, counts)
        project["hasAccess"] = False
        assert run(sentry, tmp_path, "discover", discover=QUERIES).exit_code == 0
        assert rows(tmp_path, counts) == before
        issue = next(i for i, of in sentry.world.issues.items() if of["project"]["id"] == API)
        sentry.world.add_event(issue, sentry.world.now - timedelta(hours=1))
        both = ["web", "api"]
        for has_access, chosen in ((False, both), (True, both if was_seen else [])):
            sentry.world.now += timedelta(days=5)
            project["hasAccess"] = has_access
            assert run(sentry, tmp_path, "discover", discover=QUERIES, projects=chosen).exit_code == 0
        events = len(sentry.world.events)
        assert rows(tmp_path, counts) == [(events, events)]


def test_what_exports_leave_out_for_a_week_holds_nothing_up(tmp_path: Path) -> None:
    queries = [{"name": name, "fields": ["count()"], "interval": "1d", "days": 3} for name in ("kept", "old")]
    told = {}
    with StrictSentry(World()) as sentry:

        def night(days: int, **more: object) -> bool:
            sentry.world.now += timedelta(days=days)
            assert run(sentry, tmp_path, *STREAMS, "discover", **more).exit_code == 0
            found = status(tmp_path, sentry.now())
            told.update({row["project_slug"]: row["streams"] for row in found["left_out"]})
            return bool(found["is_proven"])

        assert night(0, discover=queries)
        # it may be an odd run, and the nightly one is about to be missed
        assert not night(2, discover=queries[:1], projects=["web"])
        assert told == {}
        assert night(8, discover=queries[:1], projects=["web"])
        assert told == {"": "discover_old", "api": "events, issues", "quiet": "events, issues"}
        assert ("discover_old", "left out") in rows(
            tmp_path, "select table_name, status from marts.freshness"
        )
        assert night(2, discover=queries)
    assert status(tmp_path)["left_out"] == []

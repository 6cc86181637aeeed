"""Answers that are odd in one way cost nothing but themselves."""

from __future__ import annotations

from pathlib import Path

import duckdb

from flows.progress import Progress
from flows.replay import replay
from flows.settings import load_settings
from tests.acceptance.odd import rows, run
from tests.acceptance.strict import Asked, StrictSentry
from tests.acceptance.world import API, World

Answer = tuple[int, object, dict[str, str]]


def test_every_value_that_fits_nowhere_is_told_and_the_rest_is_published(tmp_path: Path) -> None:
    query = {"name": "odd", "fields": ["title", "count()"]}
    with StrictSentry(World(web_issues=3)) as sentry:

        def halves(asked: Asked) -> Answer:
            status, body, headers = sentry.discover(asked, "acme")
            for row in body["data"]:
                row["count()"] = row["count()"] + 0.5
            return status, body, headers

        sentry.overrides = [
            (".*/teams/", lambda _: (200, [{"id": None, "slug": "a"}, {"slug": "b"}, {"id": "7"}], {})),
            (".*/acme/events/", halves),
        ]
        for _ in range(2):  # once in each run, and told once
            result = run(sentry, tmp_path, "teams", "discover", discover=[query])
    assert result.exit_code == 0
    assert rows(tmp_path, "select team_id from teams") == [("7",)]
    told = rows(tmp_path, "select table_name, run_id, count(*) from meta.rejects group by all order by all")
    assert told == [("discover_odd", result.run_id, 10), ("teams", result.run_id, 2)]
    replay(load_settings(None, {"home": str(tmp_path)}, environment={}))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        again = "select table_name, run_id, count(*) from meta.rejects group by all order by all"
        assert connection.execute(again).fetchall() == told


def test_what_could_not_be_loaded_is_not_archived(tmp_path: Path) -> None:
    """No row of meta.archive would name it, so nothing would ever remove it."""
    with StrictSentry(World(web_issues=0)) as sentry:
        sentry.overrides = [(".*/teams/", lambda _: (200, {"detail": "no list"}, {}))]
        result = run(sentry, tmp_path, "teams")
    assert [(i["stream"], i["status"]) for i in result.incomplete] == [("teams", "failed")]
    archived = {str(file.relative_to(tmp_path / "raw")) for file in (tmp_path / "raw").rglob("*.*")}
    assert archived == {file for (file,) in rows(tmp_path, "select file from meta.archive")}


def test_an_issue_page_that_is_none_says_nothing_of_the_issue(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=3)) as sentry:
        run(sentry, tmp_path, "issues", "event_counts")
        lost = next(iter(sentry.world.issues))
        sentry.world.dropped = {lost}
        sentry.overrides = [(f".*/issues/{lost}/", lambda _: (200, {"message": "none of an issue"}, {}))]
        result = run(sentry, tmp_path, "issues", "event_counts")
    assert [(i["stream"], i["status"]) for i in result.incomplete] == [("issues", "partial")]
    unmarked = "deleted_at is null and merged_into_issue_id is null and unlisted_at is null"
    assert rows(tmp_path, f"select count(*) from issues where {unmarked}") == [(10,)]
    assert rows(
        tmp_path, "select distinct table_name, reason from meta.rejects where table_name = 'issues'"
    ) == [("issues", "key is null")]


def test_fields_of_a_query_have_the_types_the_answer_names(tmp_path: Path) -> None:
    fields = ["title", "timestamp", "measurements.lcp", "stack.lineno", "http.status_code", "error.handled"]
    types = dict(zip(fields, ["string", "date", "duration", "array", "integer", "boolean"], strict=True))
    values = [
        ["a", "2026-11-01T00:00:00+00:00", 1.5, [3, 4], 200, 1],
        ["a", "2026-11-01T00:00:00+00:00", None, [], None, None],
        ["a", None, 2, None, 404, 0],
        [None, None, None, None, None, None],
    ]
    body = {"data": [dict(zip(fields, row, strict=True)) for row in values], "meta": {"fields": types}}
    query = {"name": "raw", "fields": fields}
    with StrictSentry(World(web_issues=0)) as sentry:
        sentry.overrides = [(".*/acme/events/", lambda _: (200, body, {}))]
        for _ in range(2):
            assert run(sentry, tmp_path, "discover", discover=[query]).exit_code == 0
    named = "select column_name, data_type from duckdb_columns() where table_name = 'discover_raw'"
    found = dict(rows(tmp_path, named))
    assert [
        found[n] for n in ("title", "timestamp", "measurements_lcp", "stack_lineno", "http_status_code")
    ] == [
        *("VARCHAR", "TIMESTAMP", "DOUBLE", "JSON", "BIGINT"),
    ]
    assert found["error_handled"] == "BOOLEAN"
    assert rows(
        tmp_path, "select count(*), count(measurements_lcp), sum(http_status_code) from discover_raw"
    ) == [(4, 2, 604)]


def test_coverage_counts_the_requests_of_what_was_refused_and_says_what_is_sampled(tmp_path: Path) -> None:
    query = {"name": "odd", "fields": ["title", "count()"]}
    body = {
        "data": [],
        "meta": {"fields": {"title": "string", "count()": "integer"}, "dataScanned": "partial"},
    }
    with StrictSentry(World(web_issues=0)) as sentry:
        sentry.overrides = [
            (".*/teams/", lambda _: (403, {"detail": "no"}, {})),
            (".*/members/", lambda _: (404, b"", {})),
            (".*/acme/events/", lambda _: (200, body, {})),
        ]
        result = run(sentry, tmp_path, "teams", "members", "discover", discover=[query])
        asked = len(sentry.asked)
    assert result.exit_code == 3
    found = rows(tmp_path, "select stream, status, requests, reason <> '' from meta.coverage order by stream")
    assert [f for f in found if f[0] not in ("organizations", "projects")] == [
        ("discover", "sampled", 2, True),  # and what its rows would add up to
        ("members", "gone", 1, True),
        ("teams", "forbidden", 1, True),
    ]
    assert rows(tmp_path, "select sum(requests) from meta.coverage") == [(asked,)]


def test_every_request_is_counted_whatever_comes_of_it(tmp_path: Path) -> None:
    """Those that are sent again, of the older way, of totals that are refused, and control questions."""
    query = {"name": "odd", "fields": ["title", "count()"]}
    observer = Progress()
    with StrictSentry(World(web_issues=3)) as sentry:
        streams = ("teams", "issues", "events", "sessions", "discover", "event_counts")
        run(sentry, tmp_path, *streams, discover=[query])
        lost = next(iter(sentry.world.issues))
        sentry.world.dropped = {lost}
        sentry.overrides = [
            (".*/teams/", lambda _: (500, {"detail": "Internal Error"}, {})),
            (".*/web/events/", lambda _: (502, b"", {})),
            (".*/sessions/", lambda _: (400, {"detail": "Invalid query."}, {})),
            (".*/acme/events/", lambda _: (400, {"detail": "Invalid query."}, {})),
            (r".*/issues/\d+/", lambda _: (404, {"detail": "The requested resource does not exist"}, {})),
        ]
        before = len(sentry.asked)
        result = run(sentry, tmp_path, *streams, discover=[query], retries=1, observer=observer)
        asked = len(sentry.asked) - before
    assert result.requests == asked
    counted = "select sum(requests)::int, bool_and(requests > 0) from meta.coverage"
    of_run = f"where run_id = '{result.run_id}' and request <> 'audit'"
    assert rows(tmp_path, f"{counted} {of_run}") == [(asked, True)]
    assert sum(counts.requests for counts in observer.streams.values()) == asked


def test_projects_that_are_not_wanted_are_asked_for_by_nobody(tmp_path: Path) -> None:
    query = {"name": "odd", "fields": ["project.id", "title", "count()"]}
    with StrictSentry(World(web_issues=3)) as sentry:
        streams = ("discover", "event_counts", "releases", "issues", "outcomes")
        run(sentry, tmp_path, *streams, discover=[query], projects=["api"])
        asked = [a.query["project"] for a in sentry.requests_of("/acme/(events|releases|issues)/$")]
    assert asked
    assert all(projects == [API] for projects in asked)
    for table in ("discover_odd", "event_counts", "issues"):
        assert rows(tmp_path, f"select distinct project_id from {table}") == [(API,)]

"""Every chart: its SQL runs on full and empty tables, its drawing names columns the SQL has."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.catalogue import (
    FILTERS,
    FOLDER,
    PAGES,
    PERIOD,
    Chart,
    all_charts,
    all_drills,
    filters_query,
    theme,
)
from dashboards.published import Published, open_read_only
from dashboards.questions import offered, view_of
from dashboards.server import PUBLISHED_FILE

CHARTS = {chart.name: chart for chart in all_charts()}
NAMES = sorted(CHARTS)


@pytest.fixture(scope="module")
def published(home: Path) -> Published:
    return Published(home / PUBLISHED_FILE)


def values(published: Published, **address: str) -> dict[str, Any]:
    return view_of(address, offered(published)["as_of"]).values()


def fields(value: object) -> Iterator[str]:
    """Fields a specification reads, also in sorts and test expressions."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "field" and isinstance(part, str):
                yield part
            elif name in ("test", "filter") and isinstance(part, str):
                yield from re.findall(r"datum\.([a-z_]+)", part)
            else:
                yield from fields(part)
    elif isinstance(value, list):
        for part in value:
            yield from fields(part)


@pytest.mark.parametrize("name", NAMES)
def test_chart_answers_and_draws_what_the_sql_gives(name: str, published: Published) -> None:
    chart = CHARTS[name]
    answer = published.ask(chart.query, values(published))
    assert answer.rows, "no rows on the demo data"
    drawn = set(fields(chart.spec or {}))
    for column in (chart.table or {}).get("columns", []):
        drawn |= {column[key] for key in ("field", "link", "under", "badge") if key in column}
    assert drawn <= set(answer.columns)
    if name not in ("tiles", "strip"):
        assert (chart.spec is None) != (chart.table is None)


@pytest.mark.parametrize("name", NAMES)
def test_chart_is_empty_where_nothing_is_loaded(name: str, empty_home: Path) -> None:
    empty = Published(empty_home / PUBLISHED_FILE)
    rows = empty.ask(CHARTS[name].query, values(empty)).rows
    assert rows == () or name in ("tiles", "strip")


@pytest.mark.parametrize("name", NAMES)
def test_chart_headers(name: str) -> None:
    chart = CHARTS[name]
    assert chart.question.endswith("?")
    assert chart.definition.endswith(".")
    assert set(chart.pages) <= {*PAGES, "every"}
    assert chart.size in ("wide", "full")
    assert chart.query.parameters <= {*FILTERS, *PERIOD}
    assert not chart.drill or chart.drill in all_drills()
    assert "organization" in chart.follows


@pytest.mark.parametrize("name", NAMES)
def test_times_are_drawn_in_utc(name: str) -> None:
    """Vega draws days in the reader's zone unless told otherwise: bars would move a day."""
    for encoding in re.findall(r"\{[^{}]*\"temporal\"[^{}]*", json.dumps(CHARTS[name].spec)):
        assert '"timeUnit": "utc' in encoding


def test_colours_are_those_of_the_theme() -> None:
    specs = [chart.spec for chart in all_charts()] + [theme()["config"]]
    used = set(re.findall(r'"@([a-z0-9]+)"', json.dumps(specs)))
    assert used - {"start", "end"} <= set(theme()["light"]["colors"])  # of the chosen days
    assert set(theme()["light"]["colors"]) == set(theme()["dark"]["colors"])


def test_every_file_belongs_to_a_chart() -> None:
    files = {path.name.split(".")[0] for path in (FOLDER / "charts").iterdir()}
    assert files == set(CHARTS)


def test_every_page_has_charts() -> None:
    assert {page for chart in all_charts() for page in chart.pages} == {*PAGES, "every"}


FILTERED = [
    (chart, name)
    for chart in all_charts()
    for name in ("project", "environment", "release")
    if name in chart.follows
]


@pytest.mark.parametrize(("chart", "name"), FILTERED, ids=lambda value: getattr(value, "name", value))
def test_filters_change_the_answer(chart: Chart, name: str, published: Published) -> None:
    chosen = offered(published)[f"{name}s"][0] if name != "project" else "storefront"
    everything = values(published, days="90")
    filtered = values(published, days="90", **{name: chosen})
    nobody = values(published, days="90", **{name: "no such thing"})
    rows = published.ask(chart.query, everything).rows
    assert published.ask(chart.query, nobody).rows != rows
    if chart.name not in ("incomplete_days", "completeness"):  # may hold the same for every project
        assert published.ask(chart.query, filtered).rows != rows


@pytest.mark.parametrize("name", sorted(all_drills()))
def test_drills_run_and_take_clicks(name: str, published: Published) -> None:
    query = all_drills()[name]
    answer = published.ask(query, values(published, days="90"))
    assert answer.rows
    assert {"issue", "permalink"} <= set(answer.columns)
    clicked = {parameter: "2026-11-16" for parameter in query.parameters if parameter.startswith("clicked_")}
    assert clicked
    published.ask(query, values(published) | clicked)
    # a chart that opens it names at least one column it can be clicked on
    charts = [chart for chart in all_charts() if chart.drill == name]
    for chart in charts:
        columns = published.ask(chart.query, values(published)).columns
        assert any(f"clicked_{column}" in query.parameters for column in columns)
    assert charts


def test_drills_add_up_to_their_bars(published: Published) -> None:
    bars = CHARTS["errors_by_project"]
    answer = published.ask(bars.query, values(published))
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    bar = max((row for row in rows if row["project"] == "storefront"), key=lambda row: row["events"])
    clicked = {"clicked_day": bar["day"].isoformat(), "clicked_project": "storefront"}
    behind = published.ask(all_drills()["events"], values(published) | clicked)
    assert len(behind.rows) < 50  # the limit cuts nothing off
    assert sum(row[behind.columns.index("events")] for row in behind.rows) == bar["events"]


def test_tiles_agree_with_the_tables(published: Published, home: Path) -> None:
    chosen = values(published, project="storefront", environment="production")
    answer = published.ask(CHARTS["tiles"].query, chosen)
    tiles = {row[1]: dict(zip(answer.columns, row, strict=True)) for row in answer.rows}
    days = f"between '{chosen['start']}' and '{chosen['end']}'"
    before = f"between '{chosen['previous_start']}' and '{chosen['previous_end']}'"
    here = "(select project_id from projects where slug = 'storefront')"
    with open_read_only(home / PUBLISHED_FILE) as connection:

        def one(sql: str) -> Any:
            return connection.execute(sql).fetchall()[0][0]

        count = f"select count(*) from events where project_id = {here} and environment = 'production'"
        assert tiles["error_events"]["value"] == one(f"{count} and date_created::date {days}")
        assert tiles["error_events"]["previous"] == one(f"{count} and date_created::date {before}")
        assert tiles["new_issues"]["value"] == one(
            f"select count(*) from issues where project_id = {here} and first_seen::date {days}"
        )
        assert tiles["crash_free_sessions"]["value"] == pytest.approx(
            one(
                "select 1 - sum(session_count) filter (where session_status = 'crashed') "
                "/ sum(session_count) "
                f"from sessions where project_id = {here} and environment = 'production' "
                f"and interval_start::date {days}"
            )
        )
        assert tiles["open_issues"]["value"] == one(
            f"select count(*) from issues where project_id = {here} and status = 'unresolved'"
        )
    assert len(tiles["error_events"]["trend"]) == 28
    assert sum(tiles["error_events"]["trend"]) == tiles["error_events"]["value"]


def test_the_strip_counts_each_event_once(published: Published) -> None:
    """Discover queries count the same events: they are no more events."""
    chosen = values(published)
    answer = published.ask(CHARTS["strip"].query, chosen)
    strip = dict(zip(answer.columns, answer.rows[0], strict=True))
    error_events = next(
        row for row in published.ask(CHARTS["tiles"].query, chosen).rows if row[1] == "error_events"
    )
    assert strip["loaded"] == error_events[5]
    assert strip["loaded"] < strip["expected"] < 1.01 * strip["loaded"]


def test_one_project_does_not_stand_for_all_of_its_table(published: Published) -> None:
    answer = published.ask(CHARTS["completeness"].query, values(published, days="90"))
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    (short, *_) = [row for row in rows if row["table_name"] == "events" and row["worst"] == "partial"]
    assert short["status"] == "some projects"
    assert 0 < short["complete_scopes"] < short["scopes"]
    assert short["share"] == pytest.approx(short["complete_scopes"] / short["scopes"])
    whole = {row["status"] for row in rows if row["complete_scopes"] in (0, row["scopes"])}
    assert whole <= {"complete", "forbidden"}


def test_weeks_without_a_resolution_are_gaps(published: Published) -> None:
    """A line from the week before to the week after would show times that nobody measured."""
    gaps = 0
    for project in offered(published)["projects"]:
        answer = published.ask(CHARTS["time_to_resolve"].query, values(published, days="90", project=project))
        lines: dict[str, list[tuple[Any, Any]]] = {}
        for week, measure, days, resolutions in answer.rows:
            lines.setdefault(measure, []).append((week, days))
            assert (days is None) == (resolutions == 0)
            gaps += days is None
        for line in lines.values():
            assert all((b[0] - a[0]).days == 7 for a, b in pairwise(line))
            assert line[0][0].isoweekday() == 1
            assert line[0][1] is not None
            assert line[-1][1] is not None
    assert gaps


def test_weeks_in_which_nothing_happened_keep_their_place(published: Published) -> None:
    quiet = 0
    for project in offered(published)["projects"]:
        answer = published.ask(CHARTS["issue_flow"].query, values(published, days="90", project=project))
        weeks = sorted({row[0] for row in answer.rows})
        assert all((b - a).days == 7 for a, b in pairwise(weeks))
        quiet += sum(row[3] == 0 for row in answer.rows)
    assert quiet


def test_users_of_other_days_than_the_events_say_so(published: Published, home: Path) -> None:
    """Sentry's user_count knows no filter: no column of that name may stand beside events of chosen days."""
    with open_read_only(home / PUBLISHED_FILE) as connection:
        lifetime = dict(connection.execute("select short_id, user_count from issues").fetchall())
    chart = CHARTS["top_issues"]
    answer = published.ask(chart.query, values(published, days="7"))
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    assert "users" not in answer.columns
    assert all(row["users_90d"] == lifetime[row["issue"]] for row in rows)
    assert any(row["users_90d"] > row["events"] for row in rows)
    assert chart.table
    titles = {column["field"]: column["title"] for column in chart.table["columns"]}
    assert titles["users_90d"] == "Users, 90 days"
    assert "Users: as Sentry counts them" in chart.definition


def test_drops_without_a_reason_stand_by_their_outcome(published: Published) -> None:
    """Sentry's word for no reason is `none`."""
    answer = published.ask(CHARTS["drop_reasons"].query, values(published, days="90"))
    shown = {row[:2] for row in answer.rows}
    assert ("abuse", "abuse") in shown
    assert "none" not in {reason for _, reason in shown}


def test_days_that_were_never_asked_for_are_not_compared_with(published: Published) -> None:
    """The warehouse begins 90 days back: of the 60 days before the last 60, half were never asked for."""
    answer = published.ask(CHARTS["tiles"].query, values(published, days="60"))
    tiles = {row[1]: dict(zip(answer.columns, row, strict=True)) for row in answer.rows}
    # of issues, too: those that fell silent before the first day were never listed
    compared = [name for name, tile in tiles.items() if tile["value"] > 0 and tile["previous"] is not None]
    assert compared == []


def test_what_sentry_refuses_is_not_none(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "sentry.duckdb"
    shutil.copy(home / PUBLISHED_FILE, file)
    with duckdb.connect(str(file)) as connection:
        here = "project_id = (select project_id from projects where slug = 'search')"
        connection.execute(f"update marts.completeness set status = 'forbidden' where {here}")
        for mart in ("error_volume", "issue_flow", "backlog_age"):
            connection.execute(f"delete from marts.{mart} where {here}")
    refused = Published(file)

    def figures(**address: str) -> list[float | None]:
        answer = refused.ask(CHARTS["tiles"].query, values(refused, **address))
        shown = {row[1]: row[answer.columns.index("value")] for row in answer.rows}
        return [shown[name] for name in ("error_events", "new_issues", "resolved_issues", "open_issues")]

    assert figures(project="search") == [None] * 4
    assert all(figures())
    assert figures(project="nothing of that name") == [0] * 4


def test_a_chosen_release_is_measured_against_its_whole_project(published: Published) -> None:
    def asked(name: str, **address: str) -> list[dict[str, Any]]:
        answer = published.ask(CHARTS[name].query, values(published, days="90", **address))
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    shown = asked("release_health")[0]
    assert 0 < shown["share"] < 1
    chosen = asked("release_health", release=shown["release"])
    assert [row for row in chosen if row["project"] == shown["project"]] == [shown]
    assert "release" not in CHARTS["release_adoption"].follows  # alone, each would be adopted by all


def test_charts_read_marts_and_names_only() -> None:
    from warehouse.mart_files import _relations, all_marts

    marts = {mart.full_name for mart in all_marts()}
    for query in [chart.query for chart in all_charts()] + [*all_drills().values(), filters_query()]:
        read = {
            name
            for name in _relations(query.sql)
            if "." in name or name in ("events", "sessions", "outcomes")
        }
        assert read <= marts | {"meta.runs"}, query.name

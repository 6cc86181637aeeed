"""Superset shows the same figures as our page, from assets that were really imported."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import superset_server
from browser import CHROMIUM, open_browser
from demo_data import make_demo

from dashboards.catalogue import FOLDER, Query, all_charts
from dashboards.published import Published
from dashboards.questions import offered, view_of
from dashboards.server import PUBLISHED_FILE
from dashboards.superset_assets import CHARTS, ROWS
from flows.dictionary import mart_types
from warehouse.mart_files import additive, all_marts

SAME = (
    "error_events",
    "new_issues",
    "resolved_issues",
    "time_to_resolve",
    "crash_free_sessions",
    "crash_free_users",
    "errors_not_accepted",
    "open_issues",
)


def our_tiles(home: Path) -> dict[str, float]:
    published = Published(home / PUBLISHED_FILE)
    tiles = next(chart for chart in all_charts() if chart.name == "tiles")
    answer = published.ask(tiles.query, view_of({}, offered(published)["as_of"]).values())
    return {row[1]: row[5] for row in answer.rows}


# without Superset: what the files say


def test_only_what_adds_up_is_summed() -> None:
    for mart in all_marts():
        dataset = (FOLDER / f"superset/datasets/sentry_warehouse/{mart.name}.yaml").read_text("utf-8")
        summed = set(re.findall(r"^  expression: sum\((\w+)\)$", dataset, re.M))
        may = {name for name, meaning in mart.columns if additive(meaning) == "yes"}
        numbers = {name for name, type_ in mart_types()[mart.name].items() if type_ in ("BIGINT", "DOUBLE")}
        assert summed == may & numbers


def test_every_chart_stands_on_the_dashboard_and_asks_for_metrics_there_are() -> None:
    assert sorted(name for names, _ in ROWS for name in names) == sorted(CHARTS)
    written = json.loads((FOLDER / "metrics.json").read_text("utf-8"))
    for _, mart, _, parameters in CHARTS.values():
        (declared,) = (m for m in all_marts() if m.name == mart)
        names = {name for name, meaning in declared.columns if additive(meaning) == "yes"}
        asked = parameters.get("metrics", [parameters["metric"]] if "metric" in parameters else [])
        assert set(asked) <= names | set(written.get(mart, {}))
        columns = {name for name, _ in declared.columns}
        assert {*parameters.get("groupby", []), *parameters.get("all_columns", [])} <= columns


def test_metrics_answer_as_our_tiles(home: Path) -> None:
    written = json.loads((FOLDER / "metrics.json").read_text("utf-8"))
    published = Published(home / PUBLISHED_FILE)
    values = view_of({}, offered(published)["as_of"]).values()
    for name in SAME:
        _, mart, _, parameters = CHARTS[name]
        metric = parameters["metric"]
        sql = written.get(mart, {}).get(metric, ["", f"sum({metric})"])[1]
        days = "" if mart == "backlog_age" else " where day between $start and $end"
        query = Query(name, f"select {sql} from marts.{mart}{days}")
        assert published.ask(query, values).rows[0][0] == pytest.approx(our_tiles(home)[name])


# with it


@pytest.fixture(scope="module")
def own_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("superset-home")
    shutil.copytree(home / "generations", copy / "generations")
    (copy / "published").symlink_to("generations/g1")
    return copy


@pytest.fixture(scope="module")
def superset(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("superset")
    binaries = superset_server.find_or_install(folder / "environment")
    with superset_server.start_superset(binaries, folder / "home") as client:
        superset_server.import_assets(client, own_home / PUBLISHED_FILE)
        superset_server.import_assets(client, own_home / PUBLISHED_FILE)  # once more changes nothing
        yield client


def figures(client: httpx.Client, days: str) -> dict[str, Any]:
    """What each chart of one figure shows for these days, asked as it asks."""
    datasets = {d["table_name"]: d["id"] for d in superset_server.all_of(client, "dataset")}
    found = {}
    for name, (viz, mart, _, parameters) in CHARTS.items():
        if viz == "big_number_total":
            time_filter = [{"col": "day", "op": "TEMPORAL_RANGE", "val": days}]
            query = {
                "metrics": [parameters["metric"]],
                "columns": [],
                "filters": [] if mart == "backlog_age" else time_filter,
            }
            (row,) = superset_server.ask(client, datasets[mart], query)
            found[name] = row[parameters["metric"]]
    return found


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_superset_shows_our_headlines(superset: httpx.Client, own_home: Path) -> None:
    assert len(superset_server.all_of(superset, "chart")) == len(CHARTS)
    ours, theirs = our_tiles(own_home), figures(superset, "2026-10-23 : 2026-11-20")
    for name in SAME:
        assert theirs[name] == pytest.approx(ours[name]), name
    if CHROMIUM:
        see_the_dashboard(str(superset.base_url))
    # a newly published file is noticed
    make_demo(own_home / "generations" / "g2" / "sentry.duckdb", empty=True)
    swap = own_home / "published.new"
    swap.symlink_to("generations/g2")
    swap.replace(own_home / "published")
    assert figures(superset, "2026-10-23 : 2026-11-20")["open_issues"] == 0


def see_the_dashboard(
    address: str, picture: Path | None = None, days: str = "2026-10-23 : 2026-11-20"
) -> None:
    """Opens the dashboard in a browser and waits until its charts are drawn, without an error in any."""
    with open_browser() as page:
        page.view(1440, 900)
        page.call("Page.navigate", url=f"{address}/login/")
        page.wait("document.querySelector('input[type=password]')", 120)
        page.evaluate(
            "fetch('/login/', {method: 'POST', credentials: 'same-origin', "
            "headers: {'Content-Type': 'application/x-www-form-urlencoded'}, "
            "body: 'username=admin&password=admin'}).then(r => r.status)"
        )
        page.call("Page.navigate", url=f"{address}/superset/dashboard/sentry-warehouse/?standalone=2")
        page.wait("document.querySelectorAll('.dashboard-chart').length >= 8", 180)
        page.wait("!document.querySelector('.dashboard-chart .loading')", 180)
        time.sleep(2)
        if picture:
            page.screenshot(picture, whole=False)
        errors = page.evaluate(
            "[...document.querySelectorAll('.dashboard-chart')].map(c => c.innerText)"
            ".filter(t => /error|exception/i.test(t) && !/Error(s| events| budget)/i.test(t))"
        )
        assert errors == []

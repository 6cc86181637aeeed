"""Files for other tools: current, and they answer what the dashboard answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dashboards.catalogue import FOLDER, Query, all_charts
from dashboards.published import Published
from dashboards.questions import view_of
from dashboards.server import PUBLISHED_FILE
from dashboards.tools import grafana_dashboard, stale_files
from flows.dictionary import mart_types

CHARTS = {chart.name: chart for chart in all_charts() if "every" not in chart.pages}
PANELS = {panel["title"]: panel for panel in grafana_dashboard()["panels"] if panel["type"] != "row"}


@pytest.fixture(scope="module")
def published(home: Path) -> Published:
    return Published(home / PUBLISHED_FILE)


def expected(published: Published, name: str, **address: str) -> object:
    as_of = published.ask(Query("as_of", "select max(as_of) from meta.runs"), {}).rows[0][0]
    return published.ask(CHARTS[name].query, view_of(address, as_of).values()).rows


def test_generated_files_are_current() -> None:
    assert stale_files(mart_types()) == [], "run `make docs`"
    assert {path.stem for path in (FOLDER / "sql").glob("*.sql")} == set(CHARTS)


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_plain_query_answers_as_its_chart(name: str, published: Published) -> None:
    sql = (FOLDER / "sql" / f"{name}.sql").read_text("utf-8")
    assert "$" not in sql
    assert published.ask(Query(name, sql), {}).rows == expected(published, name)


def filled_in(sql: str, **values: str) -> str:
    """As Metabase fills in variables: an optional part whose variable has no value goes."""

    def part(found: re.Match[str]) -> str:
        (name,) = re.findall(r"\{\{(\w+)\}\}", found[1])
        return found[1].replace(f"{{{{{name}}}}}", f"'{values[name]}'") if name in values else ""

    return re.sub(r"\[\[(.*?)\]\]", part, sql)


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_metabase_query_answers_as_its_chart(name: str, published: Published) -> None:
    sql = (FOLDER / "metabase" / f"{name}.sql").read_text("utf-8")
    assert "$" not in sql
    assert published.ask(Query(name, filled_in(sql)), {}).rows == expected(published, name)
    chosen = {"project": "storefront", "environment": "production"}
    days = {"start": "2026-11-01", "end": "2026-11-14"}
    answer = published.ask(Query(name, filled_in(sql, **chosen, **days)), {})
    assert answer.rows == expected(published, name, **chosen, **{"from": days["start"], "to": days["end"]})


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_grafana_query_answers_as_its_chart(name: str, published: Published) -> None:
    sql = PANELS[CHARTS[name].title]["targets"][0]["rawSql"]
    filled = {
        "${__from:date:iso}": "2026-10-23T00:00:00.000Z",
        "${__to:date:iso}": "2026-11-19T23:59:59.999Z",
        "${project:sqlstring}": "'storefront'",
        "${environment:sqlstring}": "''",
        "${release:raw}": "",
    }
    for variable, value in filled.items():
        sql = sql.replace(variable, value)
    assert "$" not in sql
    rows = published.ask(Query(name, sql), {}).rows
    assert rows == expected(published, name, project="storefront")


def test_grafana_variables_are_defined(published: Published) -> None:
    dashboard = grafana_dashboard()
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)", json.dumps(dashboard))) - {"__from", "__to"}
    assert used == names
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            assert published.ask(Query("variable", variable["query"]), {}).rows
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)

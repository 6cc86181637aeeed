"""The charts' questions for the tools people have, from one source: plain SQL, Metabase, Grafana, Superset.

`make docs` writes them; `make check` fails when they are not current.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.catalogue import FILTERS, FOLDER, PAGES, Chart, all_charts
from dashboards.superset_assets import superset_files

LAST_DAY = "(select max(as_of)::date - 1 from meta.runs)"
PLAIN = {
    "start": "(select max(as_of)::date - 28 from meta.runs)",
    "end": LAST_DAY,
    "previous_start": "(select max(as_of)::date - 56 from meta.runs)",
    "previous_end": "(select max(as_of)::date - 29 from meta.runs)",
}
GRAFANA_START = "cast('${__from:date:iso}' as timestamp)::date"
GRAFANA_END = "cast('${__to:date:iso}' as timestamp)::date"
GRAFANA = {
    "start": GRAFANA_START,
    "end": GRAFANA_END,
    "previous_start": f"({GRAFANA_START} - ({GRAFANA_END} - {GRAFANA_START} + 1)::int)",
    "previous_end": f"({GRAFANA_START} - 1)",
    "project": "nullif(${project:sqlstring}, '')",
    "environment": "nullif(${environment:sqlstring}, '')",
    "release": "nullif('${release:raw}', '')",
    "organization": "null::varchar",
}
METABASE_START = "coalesce([[{{start}}::date, ]] (select max(as_of)::date - 28 from meta.runs))"
METABASE_END = "coalesce([[{{end}}::date, ]] (select max(as_of)::date - 1 from meta.runs))"
METABASE = {
    "start": METABASE_START,
    "end": METABASE_END,
    "previous_start": f"({METABASE_START} - ({METABASE_END} - {METABASE_START} + 1)::int)",
    "previous_end": f"({METABASE_START} - 1)",
    "project": "coalesce([[{{project}}, ]] null::varchar)",
    "environment": "coalesce([[{{environment}}, ]] null::varchar)",
    "release": "coalesce([[{{release}}, ]] null::varchar)",
    "organization": "null::varchar",
}
"""Metabase leaves out what stands in [[ ]] while its variable has no value."""

SOURCE = {"type": "motherduck-duckdb-datasource", "uid": "sentry-warehouse"}


def generated(types: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Path below `dashboards/` and text of each generated file; `types` are the DuckDB types of the marts."""
    files = {f"sql/{chart.name}.sql": plain_sql(chart) for chart in _shown()}
    files |= {f"metabase/{chart.name}.sql": metabase_sql(chart) for chart in _shown()}
    files["grafana/sentry-warehouse.json"] = json.dumps(grafana_dashboard(), indent=1) + "\n"
    files |= superset_files(types)
    return files


def plain_sql(chart: Chart) -> str:
    """A chart's SQL for any client: all projects, the 28 full days before the newest run."""
    lines = [
        line
        for line in chart.query.sql.splitlines()
        if not re.match(r"\s+and \(\$(\w+) is null or .*\)$", line)
    ]
    sql = "\n".join(lines)
    # conditions that stand first or over a line's middle: every filter open
    sql = re.sub(r"where \(?\$\w+ is null or [^\n]*", "where true", sql)
    for name in FILTERS:
        sql = sql.replace(f"${name}", "null")
    sql = _put(sql, PLAIN)
    return f"-- {chart.title}: {chart.question}\n-- {chart.definition}\n{sql}\n"


def metabase_sql(chart: Chart) -> str:
    """A chart's SQL as a native question of Metabase: the filters are its variables, all of them optional."""
    return f"-- {chart.title}: {chart.question}\n-- {chart.definition}\n{_put(chart.query.sql, METABASE)}\n"


def grafana_dashboard() -> dict[str, Any]:
    """All charts as panels of one Grafana dashboard; time range and variables stand for the filters."""
    panels: list[dict[str, Any]] = []
    y = 0
    for page, title in PAGES.items():
        charts = [chart for chart in _shown() if chart.pages[0] == page]
        if not charts:
            continue
        panels.append(
            {"type": "row", "title": title, "id": len(panels) + 1, "panels": [], **_place(0, y, 24, 1)}
        )
        y, x = y + 1, 0
        for chart in charts:
            width = 12 if chart.size == "wide" else 24
            if x + width > 24:
                x, y = 0, y + 9
            panels.append({**_panel(chart), "id": len(panels) + 1, **_place(x, y, width, 9)})
            x += width
        y += 9
    return {
        "title": "Sentry Warehouse",
        "uid": "sentry-warehouse",
        "timezone": "utc",
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-28d/d", "to": "now-1d/d"},
        "templating": {
            "list": [
                _variable("project", "select distinct project_slug from marts.project_names order by 1"),
                _variable(
                    "environment",
                    "select distinct environment from marts.error_volume where environment <> '' order by 1",
                ),
                {"name": "release", "label": "Release", "type": "textbox", "query": ""},
            ]
        },
        "panels": panels,
    }


def _shown() -> list[Chart]:
    return [chart for chart in all_charts() if "every" not in chart.pages]


def _place(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _panel(chart: Chart) -> dict[str, Any]:
    by_day = re.search(
        r"^\s*(?:\w+\.)?(day|week)\b", chart.query.sql.rsplit("\nselect", 1)[-1].lstrip("\n "), re.M
    )
    over_time = chart.spec is not None and by_day is not None and chart.name != "completeness"
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "format": "table",
        "rawQuery": True,
        "rawSql": _put(chart.query.sql, GRAFANA),
    }
    panel: dict[str, Any] = {
        "type": "timeseries" if over_time else "table",
        "title": chart.title,
        "description": f"{chart.question} {chart.definition}",
        "datasource": SOURCE,
        "targets": [target],
    }
    if over_time:
        panel["transformations"] = [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]
    return panel


def _variable(name: str, sql: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": sql,
        "refresh": 2,
        "includeAll": True,
        "allValue": "''",
        "current": {"text": "All", "value": "$__all"},
    }


def _put(sql: str, values: dict[str, str]) -> str:
    return re.sub(r"\$([a-z_]+)", lambda found: values.get(found[1], found[0]), sql)


def stale_files(types: Mapping[str, Mapping[str, str]], folder: Path = FOLDER) -> list[str]:
    """Names of generated files that are missing, left over, or not as they would be written now."""
    wanted = generated(types)
    there = {
        str(path.relative_to(folder))
        for pattern in ("sql/*.sql", "metabase/*.sql", "superset/**/*.yaml")
        for path in folder.glob(pattern)
    }
    stale = [
        n
        for n, text in wanted.items()
        if not (folder / n).exists() or (folder / n).read_text("utf-8") != text
    ]
    return [*stale, *sorted(there - set(wanted))]


def write_files(types: Mapping[str, Mapping[str, str]], folder: Path = FOLDER) -> None:
    """Writes all generated files, and removes those of charts and marts that are no more."""
    wanted = generated(types)
    for name in stale_files(types, folder):
        if name not in wanted:
            (folder / name).unlink()
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(wanted[name], "utf-8")

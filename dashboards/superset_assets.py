"""The marts as Superset assets: datasets with the metrics that mean something, charts, one dashboard.

Columns, their meanings and what may be added up come from the marts' headers. `python -m dashboards.tools`
writes `superset/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from dashboards.catalogue import FOLDER
from warehouse.mart_files import Mart, additive, all_marts

VERSION = "1.0.0"
DATABASE = "Sentry Warehouse"
URI = "duckdb:////srv/sentry-data/published/sentry.duckdb"
"""Where the published file lies; to be set to one's own."""

DASHBOARD = "Sentry Warehouse"
TIMES = ("day", "hour_start", "changed_at", "first_seen")

# name → (viz_type, mart, title, parameters)
CHARTS: Mapping[str, tuple[str, str, str, dict[str, Any]]] = {
    "error_events": ("big_number_total", "error_volume", "Error events", {"metric": "event_count"}),
    "new_issues": ("big_number_total", "issue_flow", "New issues", {"metric": "opened"}),
    "resolved_issues": ("big_number_total", "issue_flow", "Resolved issues", {"metric": "resolved"}),
    "time_to_resolve": (
        "big_number_total",
        "time_to_resolve",
        "Median hours to resolve",
        {"metric": "median_hours_to_resolve", "y_axis_format": ",.1f"},
    ),
    "crash_free_sessions": (
        "big_number_total",
        "release_health",
        "Crash-free sessions",
        {"metric": "crash_free_sessions", "y_axis_format": ".2%"},
    ),
    "crash_free_users": (
        "big_number_total",
        "release_health",
        "Crash-free users",
        {"metric": "crash_free_user_days", "y_axis_format": ".2%"},
    ),
    "errors_not_accepted": (
        "big_number_total",
        "outcomes_daily",
        "Errors not accepted",
        {"metric": "errors_not_accepted", "y_axis_format": ".1%"},
    ),
    "open_issues": ("big_number_total", "backlog_age", "Open issues now", {"metric": "open_issues"}),
    "errors_by_project": (
        "echarts_timeseries_bar",
        "error_volume",
        "Error events by project",
        {"metrics": ["event_count"], "groupby": ["project_slug"], "stack": "Stack"},
    ),
    "crash_free": (
        "echarts_timeseries_line",
        "release_health",
        "Crash-free sessions and users",
        {
            "metrics": ["crash_free_sessions", "crash_free_user_days"],
            "y_axis_format": ".2%",
            "truncateYAxis": True,
            "y_axis_bounds": [None, 1],
        },
    ),
    "issue_flow": (
        "echarts_timeseries_bar",
        "issue_flow",
        "Issues in and out",
        {"metrics": ["opened", "regressed", "reopened", "resolved", "ignored"], "time_grain_sqla": "P1W"},
    ),
    "resolve_times": (
        "echarts_timeseries_line",
        "time_to_resolve",
        "Hours to resolve",
        {"metrics": ["median_hours_to_resolve", "p90_hours_to_resolve"], "time_grain_sqla": "P1W"},
    ),
    "error_budget": (
        "echarts_timeseries_line",
        "error_budget",
        "Error budget left, 28 days",
        {"metrics": ["budget_left"], "y_axis_format": ".0%"},
    ),
    "outcomes": (
        "echarts_timeseries_bar",
        "outcomes_daily",
        "Errors sent, by outcome",
        {"metrics": ["errors_sent"], "groupby": ["outcome"], "stack": "Stack"},
    ),
    "backlog": (
        "table",
        "backlog_age",
        "Open issues by owner and age",
        {
            "query_mode": "aggregate",
            "groupby": ["owner_name", "age_bucket"],
            "metrics": ["open_issues"],
            "row_limit": 50,
        },
    ),
    "releases": (
        "table",
        "release_health",
        "Release health",
        {
            "query_mode": "aggregate",
            "groupby": ["release", "project_slug"],
            "metrics": ["session_count", "crash_free_sessions", "crash_free_user_days"],
            "row_limit": 15,
        },
    ),
    "incomplete": (
        "table",
        "completeness",
        "Completeness by table",
        {
            "query_mode": "aggregate",
            "groupby": ["table_name", "status"],
            "metrics": ["days"],
            "row_limit": 100,
        },
    ),
    "freshness": (
        "table",
        "freshness",
        "Freshness by table",
        {
            "query_mode": "raw",
            "all_columns": ["table_name", "status", "age_hours", "up_to", "projects_behind"],
            "row_limit": 100,
        },
    ),
}
ROWS = (
    (("error_events", "new_issues", "resolved_issues", "time_to_resolve"), 20),
    (("crash_free_sessions", "crash_free_users", "errors_not_accepted", "open_issues"), 20),
    (("errors_by_project", "crash_free"), 50),
    (("issue_flow", "backlog"), 50),
    (("resolve_times", "error_budget"), 50),
    (("outcomes", "releases"), 50),
    (("incomplete", "freshness"), 50),
)
FILTERS = (("Project", "project_slug"), ("Environment", "environment"), ("Release", "release"))


def superset_files(types: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Path below `dashboards/` and text of every asset; `types` are the marts' columns with DuckDB types."""
    written: dict[str, Any] = json.loads((FOLDER / "metrics.json").read_text("utf-8"))
    assets: dict[str, Any] = {
        "metadata": {"version": VERSION, "type": "assets", "timestamp": "2026-11-01T00:00:00+00:00"},
        "databases/sentry_warehouse": _database(),
    }
    for mart in sorted(all_marts(), key=lambda mart: mart.name):
        assets[f"datasets/sentry_warehouse/{mart.name}"] = _dataset(
            mart, types[mart.name], written.get(mart.name, {})
        )
    for name in CHARTS:
        assets[f"charts/{name}"] = _chart(name)
    assets["dashboards/sentry_warehouse"] = _dashboard()
    yaml = import_module("yaml")
    return {
        f"superset/{path}.yaml": yaml.safe_dump(asset, sort_keys=False, allow_unicode=True, width=110)
        for path, asset in assets.items()
    }


def _uuid(kind: str, name: str) -> str:
    """The same for every version, so that importing again replaces."""
    return str(uuid5(NAMESPACE_URL, f"https://sentry-warehouse/{kind}/{name}"))


def _database() -> dict[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": URI,
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {
            "allows_virtual_table_explore": True,
            "engine_params": {"connect_args": {"read_only": True}},
        },
        "uuid": _uuid("database", DATABASE),
        "version": VERSION,
    }


def _dataset(mart: Mart, types: Mapping[str, str], written: Mapping[str, list[str]]) -> dict[str, Any]:
    names = [name for name, _ in mart.columns]
    return {
        "table_name": mart.name,
        "main_dttm_col": next((name for name in TIMES if name in names), None),
        "description": f"{mart.grain} {mart.definition}",
        "schema": "marts",
        "sql": None,
        "filter_select_enabled": True,
        "uuid": _uuid("dataset", mart.name),
        "metrics": list(_metrics(mart, types, written)),
        "columns": [
            {
                "column_name": name,
                "verbose_name": None,
                "is_dttm": types[name] in ("DATE", "TIMESTAMP"),
                "is_active": True,
                "type": types[name],
                "groupby": True,
                "filterable": True,
                "expression": None,
                "description": meaning,
                "python_date_format": None,
            }
            for name, meaning in mart.columns
        ],
        "version": VERSION,
        "database_uuid": _uuid("database", DATABASE),
    }


def _metrics(
    mart: Mart, types: Mapping[str, str], written: Mapping[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """Sums of what may be added up over everything; what may not has only what was written for it."""
    for name, meaning in mart.columns:
        if types[name] in ("BIGINT", "DOUBLE") and additive(meaning) == "yes":
            yield _metric(name, name.replace("_", " ").capitalize(), f"sum({name})", ",d", meaning)
    for name, (title, sql, number) in written.items():
        yield _metric(name, title, sql, number, mart.definition)


def _metric(name: str, title: str, sql: str, number: str, meaning: str) -> dict[str, Any]:
    return {
        "metric_name": name,
        "verbose_name": title,
        "metric_type": None,
        "expression": sql,
        "description": meaning,
        "d3format": number,
    }


def _time_column(mart: str) -> str | None:
    names = {m.name: [name for name, _ in m.columns] for m in all_marts()}[mart]
    return "day" if "day" in names else None


def _chart(name: str) -> dict[str, Any]:
    viz, mart, title, parameters = CHARTS[name]
    (declared,) = (m for m in all_marts() if m.name == mart)
    params: dict[str, Any] = {"viz_type": viz, "adhoc_filters": [], "row_limit": 10_000, **parameters}
    time = _time_column(mart)
    if time:
        params["adhoc_filters"] = [
            {
                "clause": "WHERE",
                "subject": time,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
                "expressionType": "SIMPLE",
            }
        ]
    if viz.startswith("echarts"):
        params = {
            "x_axis": time,
            "time_grain_sqla": "P1D",
            "x_axis_sort_asc": True,
            "show_legend": True,
            "rich_tooltip": True,
            "color_scheme": "supersetColors",
            **params,
        }
    return {
        "slice_name": title,
        "description": declared.definition,
        "viz_type": viz,
        "params": params,
        "cache_timeout": None,
        "uuid": _uuid("chart", name),
        "version": VERSION,
        "dataset_uuid": _uuid("dataset", mart),
    }


def _dashboard() -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": DASHBOARD}},
    }
    for number, (names, height) in enumerate(ROWS):
        row = f"ROW-{number}"
        position["GRID_ID"]["children"].append(row)
        position[row] = {
            "id": row,
            "type": "ROW",
            "children": [f"CHART-{name}" for name in names],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for name in names:
            position[f"CHART-{name}"] = {
                "id": f"CHART-{name}",
                "type": "CHART",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", row],
                "meta": {
                    "chartId": list(CHARTS).index(name) + 1,  # replaced when it is imported
                    "uuid": _uuid("chart", name),
                    "sliceName": CHARTS[name][2],
                    "width": 12 // len(names),
                    "height": height,
                },
            }
    return {
        "dashboard_title": DASHBOARD,
        "description": "Sentry's data, from the published file of sentry-warehouse.",
        "css": "",
        "slug": "sentry-warehouse",
        "published": True,
        "uuid": _uuid("dashboard", DASHBOARD),
        "position": position,
        "metadata": {
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
            "native_filter_configuration": [_time_filter(), *(_filter(*names) for names in FILTERS)],
        },
        "version": VERSION,
    }


def _time_filter() -> dict[str, Any]:
    return {
        "id": "NATIVE_FILTER-time",
        "name": "Days (UTC)",
        "filterType": "filter_time",
        "type": "NATIVE_FILTER",
        "targets": [{}],
        "controlValues": {},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "defaultDataMask": {
            "extraFormData": {"time_range": "Last 28 days"},
            "filterState": {"value": "Last 28 days"},
        },
    }


def _filter(title: str, column: str) -> dict[str, Any]:
    return {
        "id": f"NATIVE_FILTER-{column}",
        "name": title,
        "filterType": "filter_select",
        "type": "NATIVE_FILTER",
        "targets": [{"column": {"name": column}, "datasetUuid": _uuid("dataset", "error_volume")}],
        "controlValues": {"multiSelect": True, "enableEmptyFilter": False, "searchAllOptions": True},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}},
    }

"""Writes the dashboard as one HTML file that needs no server, and its charts as PNG for mails."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from calendar import timegm
from collections.abc import Iterator, Mapping
from copy import deepcopy
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from dashboards.catalogue import FOLDER, Chart, DashboardError, PackageMissing, Query, all_charts, theme
from dashboards.published import Answer, Published
from dashboards.questions import DEFAULT_DAYS, View, as_json, offered, plain, view_of
from dashboards.server import catalogue_json

PERIODS = (7, 28, 90)
DAY = 24 * 60 * 60 * 1000
MOST_PROJECTS = 15
MOST_ENVIRONMENTS = 3

VOLUME = Query(
    "projects_by_volume",
    "select project_slug from marts.error_volume "
    "group by project_slug order by sum(event_count) desc, project_slug",
)


def export_html(published: Path, out: Path) -> None:
    """Writes one self-contained file from a published database file.

    Its filters work without a server: every view they can choose is computed now. For that they are fewer:
    one of the 15 projects with most events, one of three environments, 7, 28 or 90 days.
    """
    source = Published(published)
    try:
        data = json.dumps(_collected(source), separators=(",", ":"), ensure_ascii=False)
    finally:
        source.close()
    static = FOLDER / "static"
    vega = _packed((static / "vega.js").read_text("utf-8"))
    page = (static / "index.html").read_text("utf-8")
    css = (static / "dashboard.css").read_text("utf-8")
    page = page.replace('<link rel="stylesheet" href="/static/dashboard.css">', f"<style>\n{css}</style>")
    page = page.replace('<script src="/static/vega.js" id="vega" defer></script>\n', "")
    page = page.replace(
        '<script src="/static/dashboard.js" defer></script>',
        f'<script type="text/plain" id="exported">{_packed(data)}</script>\n'
        f'<script type="text/plain" id="exported-vega">{vega}</script>\n'
        f"<script>{_script('dashboard.js')}</script>",
    )
    if "/static/" in page.split('<script type="text/plain"')[0]:
        raise DashboardError("index.html refers to a file that the export does not hold.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, "utf-8")


def export_png(published: Path, folder: Path, *, scale: float = 2.0) -> list[Path]:
    """Draws every chart of the default view that is not a table; one PNG each.

    Needs the package vl-convert-python; raises PackageMissing where it is not there.
    """
    try:
        vl_convert = import_module("vl_convert")
    except ImportError as error:
        raise PackageMissing(
            f"PNG files need one more package: {sys.executable} -m pip install vl-convert-python"
        ) from error
    source = Published(published)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        values = view_of({}, offered(source)["as_of"]).values()
        for chart in all_charts():
            if chart.spec is None:
                continue
            spec = drawing(chart, source.ask(chart.query, values), values)
            file = folder / f"{chart.name}.png"
            file.write_bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=scale))
            written.append(file)
    finally:
        source.close()
    return written


def drawing(
    chart: Chart, answer: Answer, values: Mapping[str, Any], *, mode: str = "light"
) -> dict[str, Any]:
    """A chart as a whole Vega-Lite specification, with its title, data, colours and the days it is about."""
    rows = [dict(zip(answer.columns, row, strict=True)) for row in plain(answer.rows)]
    config: dict[str, Any] = theme()["config"]
    spec: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {
            "text": chart.title,
            "subtitle": chart.question if rows else chart.empty,
            "anchor": "start",
        },
        "width": 640,
        "height": 260,
        **deepcopy(chart.spec or {}),
        "data": {"values": rows},
        "padding": 16,
        "config": {**config, "background": "#ffffff" if mode == "light" else "#1f1b2b"},
    }
    for part in (spec, *spec.get("layer", ())):
        _keep_present(part.get("encoding", {}), rows)
    start, end = (timegm(day.timetuple()) * 1000 for day in (values["start"], values["end"]))
    days = {"start": start, "end": end + DAY - 1}  # the next day is not named on an axis
    coloured: dict[str, Any] = _coloured(spec, theme()[mode]["colors"] | days)
    return coloured


def _keep_present(encoding: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """A legend names what is drawn, not all that could be."""
    for channel in ("color", "strokeDash"):
        scale = encoding.get(channel, {}).get("scale", {})
        if not isinstance(scale.get("domain"), list) or not isinstance(scale.get("range"), list):
            continue
        present = {row[encoding[channel]["field"]] for row in rows}
        pairs = [pair for pair in zip(scale["domain"], scale["range"], strict=True) if pair[0] in present]
        scale |= {"domain": [value for value, _ in pairs], "range": [colour for _, colour in pairs]}


def _coloured(value: Any, colors: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("@"):
        return colors.get(value[1:], value)
    if isinstance(value, list):
        return [_coloured(part, colors) for part in value]
    if isinstance(value, dict):
        return {name: _coloured(part, colors) for name, part in value.items()}
    return value


def _collected(source: Published) -> dict[str, Any]:
    """The catalogue and the answers to every view, each different answer once."""
    offers = offered(source)
    by_volume = [row[0] for row in source.ask(VOLUME, {}).rows]
    projects = [*by_volume, *(slug for slug in offers["projects"] or [] if slug not in by_volume)][
        :MOST_PROJECTS
    ]
    environments = (offers["environments"] or [])[:MOST_ENVIRONMENTS]
    offers |= {
        "projects": sorted(projects),
        "environments": environments,
        "releases": [],
        "organizations": [],
    }
    pool: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    views: dict[str, Any] = {}
    for key, view in _views(projects, environments, offers):
        answers = {}
        for chart in all_charts():
            found = as_json(source.ask(chart.query, view.values()))
            answer = {"columns": found["columns"], "rows": _short(found["rows"])}
            text = json.dumps(answer, separators=(",", ":"))
            if text not in places:
                places[text] = len(pool)
                pool.append(answer)
            answers[chart.name] = places[text]
        views[key] = {"values": plain(view.values()), "answers": answers}
    return {"catalogue": catalogue_json(offers), "days": DEFAULT_DAYS, "views": views, "pool": pool}


def _views(
    projects: list[str], environments: list[str], offers: dict[str, Any]
) -> Iterator[tuple[str, View]]:
    for project, environment, days in product(["", *projects], ["", *environments], PERIODS):
        address = {"project": project, "environment": environment, "days": str(days)}
        # the key as the page's JSON.stringify writes it
        key = json.dumps([project, environment, str(days)], separators=(",", ":"), ensure_ascii=False)
        yield key, view_of(address, offers["as_of"])


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8"), 9, mtime=0)).decode("ascii")


def _short(value: Any) -> Any:
    """Floats to six digits: more is not seen and packs badly."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return [_short(part) for part in value] if isinstance(value, list) else value


def _script(name: str) -> str:
    """A script that may stand inside a page: no tag in it ends the script."""
    return (
        (FOLDER / "static" / name)
        .read_text("utf-8")
        .replace("</script", "<\\/script")
        .replace("<!--", "<\\!--")
    )
